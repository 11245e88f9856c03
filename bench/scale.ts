/** A rehearsal as the cluster grows: start, planning, the whole run; each beside the small topology of the same run, and what each node more costs. Takes many minutes: only when it is asked for. */

import { fileURLToPath } from 'node:url';
import type { Measurement, Row } from './measurement.js';
import { runNode } from './run-node.js';
import type { ScaleFigures } from './scale-process.js';

const program = fileURLToPath(new URL('scale-process.ts', import.meta.url));
const sizes = [10, 50, 200];
/** Control planes beside the workers. */
const controlPlanes = 3;
const mostMs = 45 * 60_000;

type Figure = readonly [what: string, of: (figures: ScaleFigures) => number];

const figures: readonly Figure[] = [
  ['start, s', (f) => f.startMs / 1000],
  ['start, CPU s of staging', (f) => f.startCpuMs / 1000],
  ['start, peak MB of staging', (f) => f.startMb],
  ['scan and plan, s', (f) => (f.run?.planMs ?? Number.NaN) / 1000],
  ['run, s', (f) => (f.run?.ms ?? Number.NaN) / 1000],
  ['run, CPU s of the engine', (f) => (f.run?.engineCpuMs ?? Number.NaN) / 1000],
  ['run, CPU s of staging', (f) => (f.run?.stagingCpuMs ?? Number.NaN) / 1000],
  ['run, CPU s of scripts on nodes', (f) => (f.run?.scriptsCpuMs ?? Number.NaN) / 1000],
  ['run, peak MB of the engine', (f) => f.run?.engineMb ?? Number.NaN],
  ['run, peak MB of staging', (f) => f.stagingMb],
];

async function figuresOf(topology: string): Promise<ScaleFigures> {
  process.stderr.write(`bench: scale ${topology}\n`);
  const { stdout } = await runNode(['--import', import.meta.resolve('tsx'), program, topology], {}, mostMs);
  const read = JSON.parse(stdout) as ScaleFigures;
  if (read.run?.state !== 'succeeded') throw new Error(`the run over ${topology} was ${read.run?.state ?? 'left out'}, at ${read.run?.endedAt ?? ''}`);
  return read;
}

async function run(): Promise<Row[]> {
  const small = await figuresOf('small');
  const rows: Row[] = [];
  const measured: { readonly nodes: number; readonly figures: ScaleFigures }[] = [];
  for (const workers of sizes) {
    const nodes = controlPlanes + workers;
    const read = await figuresOf(`${controlPlanes}+${workers}`);
    measured.push({ nodes, figures: read });
    for (const [what, of] of figures) rows.push({ measurement: `scale: ${nodes} nodes, ${what}`, ours: of(read), baseline: of(small), against: 'the small topology, 2 nodes' });
  }
  const [first, middle, last] = measured;
  if (first === undefined || middle === undefined || last === undefined) return rows;
  for (const [what, of] of figures) {
    const each = (less: typeof first, more: typeof first): number => (of(more.figures) - of(less.figures)) / (more.nodes - less.nodes);
    rows.push({
      measurement: `scale: each node more, ${what}`,
      ours: each(middle, last),
      baseline: each(first, middle),
      against: `between ${first.nodes} and ${middle.nodes} nodes; 1 is even growth`,
    });
  }
  return rows;
}

export const scaleMeasurement: Measurement = { name: 'scale', run, onlyWhenAsked: true };
