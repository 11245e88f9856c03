import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotationError } from '../../domain/errors.js';
import { type LockOwner, describeOwner, forceUnlock, isStale, readLock, takeLock } from './lock.js';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-lock-'));
  file = join(folder, 'locks', 'cluster.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const now = (): number => Date.UTC(2026, 10, 23);
const take = (run = 'r1'): ReturnType<typeof takeLock> => takeLock({ file, owner: { operation: 'run', run }, now });

async function failureOf(work: Promise<unknown>): Promise<RotationError> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof RotationError) return error;
  throw error ?? new Error('nothing was thrown');
}

describe('takeLock', () => {
  it('keeps others out until it is released', async () => {
    const lock = await take();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readLock(file)).toEqual(lock.owner);
    const error = await failureOf(take('r2'));
    expect(error.code).toBe('state-locked');
    expect(error.message).toContain(`run r1 (run) of pid ${process.pid} on ${lock.owner.host} since 2026-11-23T00:00:00.000Z`);
    expect(error.message).toContain(`rotate-ca force-unlock ${lock.owner.id}`);
    lock.release();
    lock.release();
    expect(existsSync(file)).toBe(false);
    (await take('r2')).release();
  });

  it('waits for as long as it is told', async () => {
    const lock = await take();
    let time = now();
    const waits: number[] = [];
    const wait = async (ms: number): Promise<void> => {
      waits.push(ms);
      time += ms;
      if (waits.length === 3) lock.release();
    };
    const second = await takeLock({ file, owner: { operation: 'run', run: 'r2' }, now: () => time, timeoutMs: 60_000, wait });
    expect(waits).toEqual([500, 500, 500]);
    const never = takeLock({ file, owner: { operation: 'run', run: 'r3' }, now: () => time, timeoutMs: 1_200, wait });
    expect((await failureOf(never)).code).toBe('state-locked');
    expect(waits.slice(3)).toEqual([500, 500, 200]);
    second.release();
  });

  it('is not released by one from whom it was taken', async () => {
    const lock = await take();
    expect(forceUnlock(file, 'another')).toBe(false);
    expect(forceUnlock(file, lock.owner.id)).toBe(true);
    expect(forceUnlock(file, lock.owner.id)).toBe(false);
    const next = await take('r2');
    lock.release();
    expect(readLock(file)?.id).toBe(next.owner.id);
    next.release();
  });

  it('leaves a file alone that is no lock', async () => {
    (await take()).release();
    writeFileSync(file, 'what?');
    expect((await failureOf(take())).message).toContain('cannot be read');
    expect(readFileSync(file, 'utf8')).toBe('what?');
  });

  it('takes over from a process that was killed, once only', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const owner = await lockedBy(child);
    expect((await failureOf(take())).code).toBe('state-locked');
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    const results = await Promise.allSettled([take('r2'), take('r3'), take('r4')]);
    const won = results.filter((r) => r.status === 'fulfilled');
    expect(won).toHaveLength(1);
    expect(won[0]?.value.takenOver).toBe(describeOwner(owner));
    expect(existsSync(`${file}.takeover`)).toBe(false);
    won[0]?.value.release();
  });

  async function lockedBy(child: ChildProcess): Promise<LockOwner> {
    await once(child, 'spawn');
    const lock = await take();
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
    const owner = { ...lock.owner, pid: child.pid ?? 0, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' };
    writeFileSync(file, JSON.stringify(owner));
    return owner;
  }
});

describe('isStale', () => {
  const cases: [string, (o: LockOwner) => LockOwner, boolean][] = [
    ['ourselves', (o) => o, false],
    ['another host', (o) => ({ ...o, host: 'elsewhere', pid: 2 ** 22 }), false],
    ['another boot of this host', (o) => ({ ...o, bootId: 'before' }), true],
    ['another space of process ids', (o) => ({ ...o, pidSpace: 'pid:[1]', pid: 2 ** 22 }), false],
    ['a pid that is gone', (o) => ({ ...o, pid: 2 ** 22 }), true],
    ['a pid that another process has by now', (o) => ({ ...o, startTime: '1' }), true],
  ];
  it.each(cases)('%s: %#', async (_name, change, expected) => {
    const lock = await take();
    expect(isStale(change(lock.owner))).toBe(expected);
    lock.release();
  });
});
