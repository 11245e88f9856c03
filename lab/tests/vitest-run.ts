/** Runs a file of lab tests with vitest and counts what really ran. */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tally } from '../../scripts/closing-line.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface VitestRun {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** vitest's report in JSON, as far as it is read here. */
export interface VitestReport {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

/** A file that could not be loaded, a hook that broke, or a run that ended without a report is one failure: never success. */
export function tallyOf(report: VitestReport | undefined, exitCode: number): Tally {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const failed = report.numFailedTests === 0 && (!report.success || exitCode !== 0) ? 1 : report.numFailedTests;
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
}

/** vitest ends when we are ended, even by SIGKILL; its workers and what they started end with it. */
export async function runTests({ file, env, timeoutMs }: VitestRun): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-lab-tests-'));
  const reportFile = join(folder, 'report.json');
  const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--project', 'lab', file, '--no-file-parallelism', '--disable-console-intercept'];
  const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${reportFile}`];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, ...vitest, ...reporters], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  const timer = setTimeout(() => {
    process.stdout.write(`${file}: not finished after ${(timeoutMs / 60_000).toFixed(0)} minutes; ended\n`);
    child.kill('SIGKILL');
  }, timeoutMs);
  const stop = (): void => void child.kill('SIGKILL');
  process.on('exit', stop);
  const exitCode = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 128));
  });
  clearTimeout(timer);
  process.off('exit', stop);
  const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport) : undefined;
  rmSync(folder, { recursive: true, force: true });
  return tallyOf(report, exitCode);
}
