import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { waitFor } from './deadline.js';
import type { LabPaths } from './lab.js';
import { writeFileAtomically } from './atomic-file.js';

/** A process that the lab started: the start time tells it from a later one with the same id. */
interface ProcessRecord {
  readonly pid: number;
  readonly startTime: string;
  readonly program: string;
}

export interface Daemon {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/** Field 22 of /proc/PID/stat, counted behind the command name, which may contain blanks. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function recordFile(paths: LabPaths, name: string): string {
  return join(paths.processes, `${name}.json`);
}

function readRecord(paths: LabPaths, name: string): ProcessRecord | undefined {
  const file = recordFile(paths, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as ProcessRecord) : undefined;
}

/** The id of a recorded process that is still the one we started. */
export function runningPid(paths: LabPaths, name: string): number | undefined {
  const record = readRecord(paths, name);
  return record !== undefined && startTimeOf(record.pid) === record.startTime ? record.pid : undefined;
}

export function recordedNames(paths: LabPaths): string[] {
  if (!existsSync(paths.processes)) return [];
  return readdirSync(paths.processes)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length));
}

/** Starts a program in a session of its own, so that it outlives us, and records it. */
export function startDaemon(paths: LabPaths, daemon: Daemon): number {
  mkdirSync(paths.processes, { recursive: true });
  const log = openSync(daemon.logFile, 'a', 0o600);
  try {
    const child = spawn(daemon.program, daemon.args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...daemon.env },
      cwd: '/',
    });
    child.on('error', () => undefined);
    const startTime = child.pid === undefined ? undefined : startTimeOf(child.pid);
    if (child.pid === undefined || startTime === undefined) {
      throw new Error(`${daemon.name}: ${daemon.program} did not start, see ${daemon.logFile}`);
    }
    const record: ProcessRecord = { pid: child.pid, startTime, program: basename(daemon.program) };
    writeFileAtomically(recordFile(paths, daemon.name), `${JSON.stringify(record)}\n`);
    child.unref();
    return child.pid;
  } finally {
    closeSync(log);
    chmodSync(daemon.logFile, 0o600);
  }
}

export interface StopOptions {
  readonly signal?: NodeJS.Signals;
  readonly graceMs?: number;
}

/** Ends a recorded process: politely first, by SIGKILL after the grace. Never anything that is not in our records. */
export async function stopDaemon(paths: LabPaths, name: string, options: StopOptions = {}): Promise<void> {
  const pid = runningPid(paths, name);
  if (pid !== undefined) {
    process.kill(pid, options.signal ?? 'SIGTERM');
    const gone = async (): Promise<true | string> => (runningPid(paths, name) === undefined ? true : `process ${pid}`);
    const graceMs = options.graceMs ?? 5_000;
    await waitFor(`${name} to end`, { timeoutMs: graceMs, everyMs: 50 }, gone).catch(() => {
      if (runningPid(paths, name) === pid) process.kill(pid, 'SIGKILL');
    });
    await waitFor(`${name} to be gone after SIGKILL`, { timeoutMs: 60_000, everyMs: 50 }, gone);
  }
  rmSync(recordFile(paths, name), { force: true });
}
