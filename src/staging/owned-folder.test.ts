import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeOwnedFolder, removeAbandoned, takeOver } from './owned-folder.js';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'rotate-ca-owned-'));
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

it('the folder of a process that was killed is removed, with what is in it; that of a living one stays', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const [alive, killed] = [makeOwnedFolder(base), makeOwnedFolder(base)];
  writeFileSync(join(killed, 'file'), 'x');
  takeOver(killed, child.pid ?? 0);
  expect(removeAbandoned(base)).toEqual([]);
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(removeAbandoned(base)).toEqual([killed]);
  expect([existsSync(alive), existsSync(killed)]).toEqual([true, false]);
});

it('a process that has ended, and whose parent has not asked about it yet, is not there any more', async () => {
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString('utf8'));
    const killed = makeOwnedFolder(base);
    takeOver(killed, pid);
    expect(removeAbandoned(base)).toEqual([]);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => removeAbandoned(base)).toEqual([killed]);
  } finally {
    parent.kill('SIGKILL');
    await once(parent, 'close');
  }
});

it.each([
  ['a pid that another process has now', JSON.stringify({ pid: process.pid, startedAt: '1' }), false],
  ['no owner that can be read: it may just be being made', '{', true],
])('%s', (_what, owner, stays) => {
  const folder = makeOwnedFolder(base);
  writeFileSync(join(folder, 'owner.json'), owner);
  removeAbandoned(base);
  expect(existsSync(folder)).toBe(stays);
});
