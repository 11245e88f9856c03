import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../domain/secret.js';
import type { NodeShell, Shells } from '../../ports/node-shell.js';
import { hostAt, makeBench, whyNoSshd } from './openssh.test-support.js';
import { openShells } from './open-shells.js';

const soon = { deadlineMs: 20_000 };

if (whyNoSshd !== undefined) {
  console.warn(`SKIPPED, src/adapters/ssh/replace-files: ${whyNoSshd}`);
}

describe.skipIf(whyNoSshd !== undefined)('several files over OpenSSH', () => {
  const bench = makeBench();
  let shells: Shells;
  let shell: NodeShell;
  let folder: string;

  beforeAll(async () => {
    const sshd = await bench.startSshd();
    bench.know(sshd);
    const sshConfigFile = bench.config(`Host *\n  User root\n  IdentityFile ${bench.keyFile}\n  UserKnownHostsFile ${bench.knownHosts}\n`);
    shells = openShells({ hosts: [hostAt('127.0.0.1', { sshPort: sshd.port })], sshConfigFile, env: bench.env, log: () => undefined });
    shell = shells.to('cp1');
    folder = join(bench.dir, 'files');
    mkdirSync(folder);
  });

  afterAll(async () => {
    await shells.close();
    await bench.stop();
  });

  it('replaces several in one round trip, in their order, each with its own attributes', async () => {
    const dirs = ['several', `it's "odd"`].map((name) => join(folder, name)) as [string, string];
    for (const dir of dirs) mkdirSync(dir);
    const files = [
      { path: join(dirs[0], 'tls.key'), bytes: new Secret(Buffer.from([0, 255, 10, 10])), mode: '0600', uid: 77, gid: 88 },
      { path: join(dirs[0], 'tls.crt'), bytes: Buffer.from('certificate\n'), mode: '0644', uid: 0, gid: 0 },
      { path: join(dirs[1], 'a \\ b'), bytes: Buffer.alloc(300_000, 'x'), mode: '600', uid: 0, gid: 0 },
      { path: join(dirs[1], 'empty'), bytes: Buffer.alloc(0), mode: '0640', uid: 0, gid: 88 },
    ];
    await shell.replaceFiles(files, soon);
    for (const { path, bytes, mode, uid, gid } of files) {
      const stat = statSync(path);
      expect([stat.mode & 0o7777, stat.uid, stat.gid]).toEqual([Number.parseInt(mode, 8), uid, gid]);
      expect(readFileSync(path).equals(bytes instanceof Secret ? bytes.reveal() : bytes)).toBe(true);
    }
    expect(dirs.map((dir) => readdirSync(dir).length)).toEqual([2, 2]);
  });

  it('replaces none of several when one of them cannot be, and leaves nothing behind', async () => {
    const dir = join(folder, 'none-of-them');
    mkdirSync(join(dir, 'is-folder'), { recursive: true });
    writeFileSync(join(dir, 'tls.key'), 'before');
    const as = (name: string) => ({ path: join(dir, name), bytes: Buffer.from(name), mode: '0600', uid: 0, gid: 0 });
    await expect(shell.replaceFiles([as('tls.key'), as('is-folder')], soon)).rejects.toMatchObject({
      code: 'command-failed',
      failures: [{ cause: expect.stringContaining('is a folder') }],
    });
    expect([readdirSync(dir), readFileSync(join(dir, 'tls.key'), 'utf8')]).toEqual([['is-folder', 'tls.key'], 'before']);
    await expect(shell.replaceFiles([as('tls.key'), as('tls.key')], soon)).rejects.toThrow(/twice/);
    await shell.replaceFiles([], soon);
  });

  it('lets those that share files follow one another, whatever their order', async () => {
    const [one, two] = ['one', 'two'].map((name) => ({ path: join(folder, `shared-${name}`), mode: '0600', uid: 0, gid: 0 })) as [
      { path: string; mode: string; uid: number; gid: number },
      { path: string; mode: string; uid: number; gid: number },
    ];
    const bytes = (text: string) => ({ bytes: Buffer.from(text) });
    await Promise.all([
      shell.replaceFiles(
        [
          { ...one, ...bytes('1') },
          { ...two, ...bytes('1') },
        ],
        soon,
      ),
      shell.replaceFiles(
        [
          { ...two, ...bytes('2') },
          { ...one, ...bytes('2') },
        ],
        soon,
      ),
      shell.replaceFile(one.path, { ...one, ...bytes('3') }, soon),
    ]);
    expect([readFileSync(one.path, 'utf8'), readFileSync(two.path, 'utf8')]).toEqual(['3', '2']);
  });
});
