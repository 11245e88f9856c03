/** Start-up: what an operator waits for before anything happens, and the proof that --help does not load the Kubernetes client. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Measurement, Row } from './measurement.js';
import { median } from './rounds.js';
import { runNode } from './run-node.js';

const rounds = 5;
const budgetMs = 25_000;
const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const recorder = ['--import', at('record-start.mjs')];
const help = [at('../dist/cli/main.js'), '--help'];
const planned = [at('plan-recording.mjs')];
const client = '@kubernetes/client-node';

async function run(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-bench-start-'));
  const nothing = join(folder, 'nothing.mjs');
  const eager = join(folder, 'eager.mjs');
  writeFileSync(nothing, '');
  // What each start would cost if the client were imported at the top of a file.
  writeFileSync(eager, `await import(${JSON.stringify(import.meta.resolve(client))});\nawait import(${JSON.stringify(new URL('plan-recording.mjs', import.meta.url).href)});\n`);

  const modulesOf = async (program: readonly string[], name: string): Promise<number> => {
    const file = join(folder, `modules-${name}`);
    await runNode([...recorder, ...program], { RECORD_MODULES: file });
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((url) => url.includes(`/node_modules/${client}/`)).length;
  };
  try {
    const figures = await takeTurns({ nothing: [nothing], help, planned, eager: [eager] }, folder);
    const inHelp = await modulesOf(help, 'help');
    const inPlan = await modulesOf(planned, 'plan');
    const whenEager = await modulesOf([eager], 'eager');
    const of = (name: string): Figures => figures.get(name) ?? { ms: Number.NaN, cpuMs: Number.NaN, mb: Number.NaN };
    const row = (what: string, of_: { ours: number; baseline: number; against: string }): Row => ({ measurement: `start: ${what}`, ...of_ });
    return [
      row('--help, ms', { ours: of('help').ms, baseline: of('nothing').ms, against: 'node with an empty file' }),
      row('--help, CPU ms', { ours: of('help').cpuMs, baseline: of('nothing').cpuMs, against: 'node with an empty file' }),
      row('--help, peak MB', { ours: of('help').mb, baseline: of('nothing').mb, against: 'node with an empty file' }),
      row('plan on a recording, ms', { ours: of('planned').ms, baseline: of('eager').ms, against: `the same with ${client} imported first` }),
      row('plan on a recording, CPU ms', { ours: of('planned').cpuMs, baseline: of('eager').cpuMs, against: `the same with ${client} imported first` }),
      row('plan on a recording, peak MB', { ours: of('planned').mb, baseline: of('eager').mb, against: `the same with ${client} imported first` }),
      row(`files of ${client} loaded by --help`, { ours: inHelp, baseline: whenEager, against: 'where it is imported first' }),
      row(`files of ${client} loaded by that plan`, { ours: inPlan, baseline: whenEager, against: 'where it is imported first' }),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Figures {
  readonly ms: number;
  readonly cpuMs: number;
  readonly mb: number;
}

/** Medians; one start of each goes before, so that all files are in the page cache. On a busy machine fewer rounds, but at least one. */
async function takeTurns(programs: Readonly<Record<string, readonly string[]>>, folder: string): Promise<ReadonlyMap<string, Figures>> {
  const use = join(folder, 'use');
  const taken = new Map<string, Figures[]>();
  const end = performance.now() + budgetMs;
  for (let round = 0; round <= rounds && (round <= 1 || performance.now() < end); round++) {
    for (const [name, program] of Object.entries(programs)) {
      const { ms } = await runNode([...recorder, ...program], { RECORD_USE: use });
      const { cpuMs, peakKib } = JSON.parse(readFileSync(use, 'utf8')) as { cpuMs: number; peakKib: number };
      if (round > 0) taken.set(name, [...(taken.get(name) ?? []), { ms, cpuMs, mb: peakKib / 1024 }]);
    }
  }
  const of = (all: readonly Figures[], which: keyof Figures): number => median(all.map((figures) => figures[which]));
  return new Map([...taken].map(([name, all]) => [name, { ms: of(all, 'ms'), cpuMs: of(all, 'cpuMs'), mb: of(all, 'mb') }]));
}

export const startUpMeasurement: Measurement = { name: 'start', run };
