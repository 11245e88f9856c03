/** A full scan of 203 staging nodes, beside the same script over plain ssh, one node after the other. It takes minutes to start them: only when it is asked for. */

import { fileURLToPath } from 'node:url';
import type { Measurement, Row } from './measurement.js';
import { runNode } from './run-node.js';
import type { ScanFigures } from './scan-process.js';

const program = fileURLToPath(new URL('scan-process.ts', import.meta.url));
const topologies = ['small', '3+200'];
const mostMs = 30 * 60_000;

async function run(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const topology of topologies) {
    process.stderr.write(`bench: scan ${topology}\n`);
    const { stdout } = await runNode(['--import', import.meta.resolve('tsx'), program, topology], {}, mostMs);
    const { nodes, scanMs, sshMs, sshNodes, engineMb, unseen } = JSON.parse(stdout) as ScanFigures;
    for (const line of unseen) process.stderr.write(`bench: scan ${topology}: not seen: ${line}\n`);
    const against = `the same script over ssh, one by one (${sshNodes} of ${nodes}, times as many)`;
    rows.push({ measurement: `scan: ${nodes} nodes, s`, ours: scanMs / 1000, baseline: ((sshMs / 1000) * nodes) / sshNodes, against });
    rows.push({ measurement: `scan: ${nodes} nodes, peak MB`, ours: engineMb, baseline: Number.NaN, against: 'nothing' });
  }
  return rows;
}

export const scanMeasurement: Measurement = { name: 'scan', run, onlyWhenAsked: true };
