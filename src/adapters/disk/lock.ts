/** The lock of a cluster's state: one rotate-ca at a time, with an owner whom others can name. */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../../domain/errors.js';
import { errorCode, failOnDisk, makePrivateFolder, writeNewFile } from './durable-file.js';

export interface LockOwner {
  /** Tells one taking of the lock from another. */
  readonly id: string;
  readonly operation: string;
  readonly run: string;
  readonly host: string;
  readonly pid: number;
  /** Boot of the machine, space of process ids, and start of the process, as the kernel gives them: together they tell a process from a later one of the same pid. '' where there is no /proc. */
  readonly bootId: string;
  readonly pidSpace: string;
  readonly startTime: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export interface Lock {
  readonly owner: LockOwner;
  /** A sentence on the dead owner from whom it was taken. */
  readonly takenOver?: string;
  /** Only if it is still ours; a second time does nothing. */
  release(): void;
}

export interface LockOptions {
  readonly file: string;
  readonly owner: { readonly operation: string; readonly run: string };
  readonly now: () => number;
  /** How long to wait for another's release: --lock-timeout. Default: not at all. */
  readonly timeoutMs?: number;
  readonly wait?: (ms: number) => Promise<void>;
}

const pollMs = 500;

/** Takes the lock, or that of a process that is gone. Throws RotationError state-locked, disk-full, journal-unwritable. */
export async function takeLock(options: LockOptions): Promise<Lock> {
  const { file, now, timeoutMs = 0, wait = (ms: number) => sleep(ms) } = options;
  const until = now() + timeoutMs;
  const mine = ownerNow(options);
  for (;;) {
    const got = onDisk(file, () => tryTake(file, mine));
    if (got.taken) return { owner: mine, ...(got.from === undefined ? {} : { takenOver: describeOwner(got.from) }), release: () => releaseLock(file, mine.id) };
    if (now() >= until) return refuse(file, got.by);
    await wait(Math.min(pollMs, until - now()));
  }
}

/** Who holds the lock, dead or alive; undefined: nobody, or the file cannot be read as a lock. */
export function readLock(file: string): LockOwner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null && 'id' in value && 'pid' in value ? (value as LockOwner) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Removes a lock whoever holds it, if it is the one meant: false if it is another by now, or none. */
export function forceUnlock(file: string, id: string): boolean {
  if (readLock(file)?.id !== id) return false;
  rmSync(file, { force: true });
  return true;
}

/** `run r1 (apply) of pid 4711 on bastion since 2026-11-23T13:00:00.000Z`. */
export function describeOwner(owner: LockOwner): string {
  return `run ${owner.run} (${owner.operation}) of pid ${owner.pid} on ${owner.host} since ${owner.at}`;
}

/** Is the process gone that took it? Unknown counts as alive: another host, or another space of process ids, as containers have. */
export function isStale(owner: LockOwner): boolean {
  if (owner.host !== hostname()) return false;
  if (owner.bootId !== bootId()) return owner.bootId !== '' && bootId() !== '';
  if (owner.pidSpace !== pidSpace()) return false;
  const start = startTime(owner.pid);
  return start === undefined ? !canBeSignalled(owner.pid) : start !== owner.startTime;
}

type Attempt = { readonly taken: true; readonly from?: LockOwner } | { readonly taken: false; readonly by: LockOwner | undefined };

function tryTake(file: string, mine: LockOwner): Attempt {
  makePrivateFolder(dirname(file));
  const text = Buffer.from(`${JSON.stringify(mine)}\n`);
  if (writeNewFile(file, text)) return { taken: true };
  const other = readLock(file);
  if (other === undefined || !isStale(other)) return { taken: false, by: other };
  return takeOver(file, text, other);
}

// Two processes may see the same dead owner: only the one that holds the second file removes the first, and only if it is still the dead one's.
function takeOver(file: string, text: Buffer, dead: LockOwner): Attempt {
  const guard = `${file}.takeover`;
  const held = readLock(guard);
  if (held !== undefined && isStale(held)) rmSync(guard, { force: true });
  if (!writeNewFile(guard, text)) return { taken: false, by: dead };
  try {
    if (readLock(file)?.id === dead.id) rmSync(file, { force: true });
    return writeNewFile(file, text) ? { taken: true, from: dead } : { taken: false, by: readLock(file) };
  } finally {
    rmSync(guard, { force: true });
  }
}

function releaseLock(file: string, id: string): void {
  if (readLock(file)?.id === id) rmSync(file, { force: true });
}

function ownerNow({ owner, now }: LockOptions): LockOwner {
  return {
    id: randomBytes(4).toString('hex'),
    ...owner,
    host: hostname(),
    pid: process.pid,
    bootId: bootId(),
    pidSpace: pidSpace(),
    startTime: startTime(process.pid) ?? '',
    at: new Date(now()).toISOString(),
  };
}

function bootId(): string {
  return existsSync('/proc/sys/kernel/random/boot_id') ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : '';
}

function pidSpace(): string {
  return existsSync('/proc/self/ns/pid') ? readlinkSync('/proc/self/ns/pid') : '';
}

/** Field 22 of /proc/PID/stat; undefined if there is no such process, or it is a zombie. The name in field 2 may hold spaces and brackets. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function canBeSignalled(pid: number): boolean {
  if (existsSync('/proc/self/stat')) return false; // There is a /proc, and it does not list the process.
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function onDisk<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return failOnDisk(error, file, 'The lock');
  }
}

function refuse(file: string, owner: LockOwner | undefined): never {
  return fail('state-locked', {
    target: file,
    summary: 'Another process works on this cluster',
    cause: owner === undefined ? 'the lock file cannot be read' : `${describeOwner(owner)} holds the lock ${owner.id}`,
    nextAction:
      owner === undefined
        ? `If no rotate-ca is running, remove "${file}"`
        : `Wait for it (--lock-timeout 10m), or, if it is certain that it is gone: rotate-ca force-unlock ${owner.id}`,
    retryable: true,
  });
}
