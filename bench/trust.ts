/** Graph and proof of a whole rotation as clusters grow: 20 pods on each node, 2,000 Secrets with PEM, real certificates. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Measurement, Row } from './measurement.js';
import { runNode } from './run-node.js';
import type { TrustFigures } from './trust-process.js';

const program = fileURLToPath(new URL('trust-process.ts', import.meta.url));
const sizes = [10, 100, 1_000] as const;
/** Thousands of certificates are made first, which on a busy machine takes minutes. */
const patienceMs = 600_000;

async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-trust-'));
  try {
    const figures: TrustFigures[] = [];
    for (const nodes of sizes) figures.push(await figuresOf(nodes, join(folder, `${nodes}.json`)));
    return [...figures.flatMap(rowsOf), ...growth(figures)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function figuresOf(nodes: number, file: string): Promise<TrustFigures> {
  const node = ['--import', import.meta.resolve('tsx'), program];
  await runNode([...node, 'make', file, String(nodes)], {}, patienceMs);
  const { stdout } = await runNode([...node, 'prove', file], {}, patienceMs);
  const figures = JSON.parse(stdout) as TrustFigures;
  if (figures.failing > 0) throw new Error(`${figures.failing} edges of ${nodes} nodes do not hold at the end: such figures say nothing`);
  return figures;
}

function rowsOf({ edges, steps, ...f }: TrustFigures, at: number): Row[] {
  const nodes = sizes[at] ?? 0;
  return [
    { measurement: `trust: ${nodes} nodes, ${edges} edges, the graph, CPU ms`, ours: f.graphMs, baseline: f.jsonMs, against: 'the plan from JSON' },
    { measurement: `trust: ${nodes} nodes, ${steps} steps, graph and proof, CPU ms`, ours: f.bothMs, baseline: f.jsonMs, against: 'the plan from JSON' },
    { measurement: `trust: ${nodes} nodes, peak MB`, ours: f.provedMb, baseline: f.planMb, against: 'the same process with the plan read' },
  ];
}

/** What each edge more costs: 1 is growth along a line. */
function growth([small, middle, large]: readonly TrustFigures[]): Row[] {
  if (small === undefined || middle === undefined || large === undefined) return [];
  const each = (a: TrustFigures, b: TrustFigures): number => (1_000 * (b.bothMs - a.bothMs)) / (b.edges - a.edges);
  return [
    { measurement: 'trust: each edge more, 100 to 1,000 nodes, CPU µs', ours: each(middle, large), baseline: each(small, middle), against: 'each edge more, 10 to 100 nodes' },
  ];
}

export const trustMeasurement: Measurement = { name: 'trust', onlyWhenAsked: true, run };
