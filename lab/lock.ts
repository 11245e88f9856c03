import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LabPaths } from './lab.js';
import { startTimeOf } from './processes.js';

interface Holder {
  readonly pid: number;
  readonly startTime: string;
  readonly command: string;
}

/** One changing command at a time. A lock whose holder is gone (killed, or the machine restarted) is taken over. */
export function withLock<Result>(paths: LabPaths, command: string, work: () => Promise<Result>): Promise<Result> {
  return holding(join(paths.root, 'lock'), command, work);
}

/** One builder at a time of what the labs of all layouts share. */
export function withBuildLock<Result>(paths: LabPaths, work: () => Promise<Result>): Promise<Result> {
  return holding(join(paths.builtRoot, 'build.lock'), `up --layout ${paths.layout.name}`, work);
}

async function holding<Result>(file: string, command: string, work: () => Promise<Result>): Promise<Result> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
  const mine: Holder = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '', command };
  for (;;) {
    try {
      writeFileSync(file, JSON.stringify(mine), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readHolder(file);
    if (holder !== undefined && startTimeOf(holder.pid) === holder.startTime) {
      throw new Error(`\`lab ${holder.command}\` is at work (process ${holder.pid}); wait for it, or end it`);
    }
    rmSync(file, { force: true });
  }
  try {
    return await work();
  } finally {
    if (existsSync(file)) rmSync(file);
  }
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}
