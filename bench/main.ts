/** `npm run bench [-- -o json] [NAME...]`: speed and memory, each beside a baseline of the same run. It judges nothing: the exit code is 0. */

import { cpus } from 'node:os';
import { fleetMeasurement } from './fleet.js';
import { journalMeasurement } from './journal.js';
import { kubeMeasurement } from './kube.js';
import type { Measurement, Row } from './measurement.js';
import { planningMeasurement } from './planning.js';
import { asJson, asTable } from './report.js';
import { scaleMeasurement } from './scale.js';
import { scanMeasurement } from './scan.js';
import { sshMeasurement } from './ssh.js';
import { startUpMeasurement } from './start-up.js';
import { tokensMeasurement } from './tokens.js';
import { trustMeasurement } from './trust.js';
import { vaultMeasurement } from './vault.js';

/** Start-up first, in processes of its own: the others load what they measure into this one. */
const all: readonly Measurement[] = [
  startUpMeasurement,
  planningMeasurement,
  journalMeasurement,
  kubeMeasurement,
  vaultMeasurement,
  sshMeasurement,
  trustMeasurement,
  scaleMeasurement,
  scanMeasurement,
  tokensMeasurement,
  fleetMeasurement,
];

async function main(args: readonly string[]): Promise<number> {
  const json = args.some((arg, n) => arg === '--output=json' || (arg === 'json' && ['-o', '--output'].includes(args[n - 1] ?? '')));
  const names = args.filter((arg, n) => !arg.startsWith('-') && !['-o', '--output'].includes(args[n - 1] ?? ''));
  const unknown = names.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`There is no measurement "${unknown.join('", "')}". There are: ${all.map(({ name }) => name).join(', ')}.\n`);
    return 64;
  }
  const started = performance.now();
  const rows: Row[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const { name, run } of all.filter((one) => (names.length === 0 ? one.onlyWhenAsked !== true : names.includes(one.name)))) {
    process.stderr.write(`bench: ${name}\n`);
    try {
      const got = await run();
      if ('skipped' in got) skipped.push({ name, reason: got.skipped });
      else rows.push(...got);
    } catch (error) {
      // One that cannot run here says so, and the others still do.
      skipped.push({ name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const report = { rows, skipped, machine: `Node ${process.versions.node}, ${cpus().length} processors`, seconds: (performance.now() - started) / 1000 };
  process.stdout.write(`${json ? asJson(report) : asTable(report)}\n`);
  return 0;
}

process.exit(await main(process.argv.slice(2)));
