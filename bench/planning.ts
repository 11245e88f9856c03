/** Planning: time and memory as clusters grow, and what the canonical digest costs beside a digest of plain JSON. */

import { fileURLToPath } from 'node:url';
import type { Measurement, Row } from './measurement.js';
import type { PlanningFigures } from './planning-process.js';
import { runNode } from './run-node.js';

const program = fileURLToPath(new URL('planning-process.ts', import.meta.url));

async function run(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const nodes of [5, 100, 500]) {
    const { stdout } = await runNode(['--import', import.meta.resolve('tsx'), program, String(nodes)]);
    const f = JSON.parse(stdout) as PlanningFigures;
    rows.push(
      { measurement: `plan: ${nodes} nodes, ${f.steps} steps, CPU ms`, ours: f.planMs, baseline: f.jsonMs, against: 'the inventory to JSON and back' },
      { measurement: `plan: ${nodes} nodes, of it the digest, CPU ms`, ours: f.digestMs, baseline: f.plainDigestMs, against: 'SHA-256 of plain JSON of the plan' },
      { measurement: `plan: ${nodes} nodes, peak MB`, ours: f.plannedMb, baseline: f.inventoryMb, against: 'the same process before it plans' },
    );
  }
  return rows;
}

export const planningMeasurement: Measurement = { name: 'plan', run };
