import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../domain/secret.js';
import type { NodeShell, Shells } from '../../ports/node-shell.js';
import { hostAt, makeBench, type Sshd, until, whyNoSshd } from './openssh.test-support.js';
import { openShells } from './open-shells.js';

const soon = { deadlineMs: 20_000 };

if (whyNoSshd !== undefined) {
  console.warn(`SKIPPED, src/adapters/ssh/node-shell: ${whyNoSshd}`);
}

describe.skipIf(whyNoSshd !== undefined)('a shell over OpenSSH', () => {
  const bench = makeBench();
  let sshd: Sshd;
  let shells: Shells;
  let shell: NodeShell;
  let folder: string;
  const logged: string[] = [];

  beforeAll(async () => {
    sshd = await bench.startSshd({ settings: ['MaxSessions 10'] });
    bench.know(sshd);
    const sshConfigFile = bench.config(`Host *\n  User root\n  IdentityFile ${bench.keyFile}\n  UserKnownHostsFile ${bench.knownHosts}\n`);
    shells = openShells({ hosts: [hostAt('127.0.0.1', { sshPort: sshd.port })], sshConfigFile, env: bench.env, log: (l) => logged.push(l) });
    shell = shells.to('cp1');
    folder = join(bench.dir, 'files');
    mkdirSync(folder);
  });

  afterAll(async () => {
    await shells.close();
    await bench.stop();
  });

  describe('run and must', () => {
    it.each([
      ['a script of several lines', 'set -eu\na=1\necho "$a two"', { exitCode: 0, stdout: '1 two\n', stderr: '' }],
      ['quotes, dollars and backslashes', `printf '%s' "it's \\$HOME \\\\ !x \`echo y\`"`, { exitCode: 0, stdout: "it's $HOME \\ !x y", stderr: '' }],
      ['a status that is not zero', 'echo out; echo err >&2; exit 7', { exitCode: 7, stdout: 'out\n', stderr: 'err\n' }],
      ['death by a signal', 'kill -9 $$', { exitCode: 137, stdout: '', stderr: '' }],
      ['no input at all', 'cat; echo end', { exitCode: 0, stdout: 'end\n', stderr: '' }],
      ['the C locale and root', 'echo "$LC_ALL $(id -u)"', { exitCode: 0, stdout: 'C 0\n', stderr: '' }],
    ])('%s', async (_, script, expected) => {
      expect(await shell.run(script, soon)).toEqual(expected);
    });

    it('hears a command out whose whole life comes in one piece, because we were busy', async () => {
      const busy = setInterval(() => {
        const until = performance.now() + 1000;
        while (performance.now() < until);
      }, 1);
      try {
        for (let n = 0; n < 3; n++) expect(await shell.run(`echo ${n}; exit 3`, soon)).toEqual({ exitCode: 3, stdout: `${n}\n`, stderr: '' });
      } finally {
        clearInterval(busy);
      }
    });

    it('gives input, also of a Secret, and a megabyte of it', async () => {
      const text = 'x'.repeat(1_000_000);
      expect((await shell.run('wc -c', { ...soon, stdin: new Secret(text) })).stdout.trim()).toBe('1000000');
      expect(await shell.must('cat', { ...soon, stdin: text })).toBe(text);
    });

    it('does not mind a script that does not read its input', async () => {
      expect(await shell.must('echo done', { ...soon, stdin: 'x'.repeat(5_000_000) })).toBe('done\n');
    });

    it('names the script and what it said when must fails', async () => {
      await expect(shell.must('echo "cp: error: No space left on device" >&2; exit 1', soon)).rejects.toMatchObject({ code: 'disk-full', failures: [{ target: 'cp1' }] });
      await expect(shell.must('echo "no such unit" >&2; exit 5', soon)).rejects.toMatchObject({ code: 'command-failed', failures: [{ target: 'cp1', cause: 'no such unit' }] });
    });

    it('keeps secret output out of errors, and says only what the kernel said', async () => {
      const error = await shell
        .must('cat >&2; echo "tar: x: Read-only file system" >&2; exit 5', { ...soon, stdin: new Secret('hunter2'), secretOutput: true })
        .catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'command-failed', failures: [{ cause: 'Read-only file system' }] });
      expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
    });

    it('ends a script at its deadline, on the node too', async () => {
      const mark = join(folder, 'deadline');
      const script = `echo $$ > ${mark}; exec sleep 600`;
      await expect(shell.run(script, { deadlineMs: 400 })).rejects.toMatchObject({ code: 'deadline-exceeded', failures: [{ target: 'cp1', retryable: true }] });
      await until(() => !isRunning(Number(readFileSync(mark, 'utf8'))), 'the script is gone');
    });

    it('ends a script when the operator stops', async () => {
      const mark = join(folder, 'abort');
      const stop = new AbortController();
      const running = shell.run(`echo $$ > ${mark}; exec sleep 600`, { ...soon, signal: stop.signal });
      await until(() => existsSync(mark) && readFileSync(mark, 'utf8') !== '', 'the script runs');
      stop.abort();
      await expect(running).rejects.toMatchObject({ code: 'interrupted' });
      await until(() => !isRunning(Number(readFileSync(mark, 'utf8'))), 'the script is gone');
      await expect(shell.run('true', { ...soon, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'interrupted' });
    });

    it('runs 20 scripts at once over one connection, at most 8 at a time', async () => {
      const before = logged.filter((l) => l.includes('connected as')).length;
      const count = join(folder, 'count');
      mkdirSync(count);
      const results = await Promise.all(Array.from({ length: 20 }, (_, n) => shell.must(`touch ${count}/${n}; ls ${count} | wc -l; sleep 0.1; rm ${count}/${n}`, soon)));
      expect(Math.max(...results.map(Number))).toBeLessThanOrEqual(8);
      expect(logged.filter((l) => l.includes('connected as')).length - before).toBe(0);
    });

    it('says in doubt, not failed, when the connection is lost, and connects again', async () => {
      const mark = join(folder, 'lost');
      const running = shell.run(`echo 1 > ${mark}; sleep 600`, { deadlineMs: 60_000 });
      const refused = expect(running).rejects.toMatchObject({ code: 'ssh-lost' });
      await until(() => existsSync(mark), 'the script runs');
      sshd.dropConnections();
      await refused;
      expect(await shell.must('echo again', soon)).toBe('again\n');
    });

    it('takes a script that fits into no command line for a defect', async () => {
      await expect(shell.run(`: ${'x'.repeat(130_000)}`, soon)).rejects.toThrow(/does not fit/);
    });
  });

  describe('reading', () => {
    it('reads bytes and attributes of several files, and leaves out what is not there', async () => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, n) => n % 256));
      const [plain, odd, link, dangling] = ['plain', `it's "odd" $x *`, 'link', 'dangling'].map((f) => join(folder, f)) as [string, string, string, string];
      writeFileSync(plain, bytes);
      chmodSync(plain, 0o640);
      chownSync(plain, 12, 34);
      writeFileSync(odd, '');
      symlinkSync('plain', link);
      symlinkSync('nowhere/at all', dangling);
      const files = await shell.readFiles([plain, odd, join(folder, 'none'), link, dangling, `${plain}/below`], soon);
      expect([...files.keys()]).toEqual([plain, odd, link, dangling]);
      const attributes = { mode: '0640', uid: 12, gid: 34, mtimeMs: Math.floor(statSync(plain).mtimeMs), sha256: createHash('sha256').update(bytes).digest('hex') };
      expect(files.get(plain)).toEqual({ ...attributes, bytes });
      expect(files.get(link)).toEqual({ ...attributes, bytes, linkTo: 'plain' });
      expect(files.get(odd)?.bytes.length).toBe(0);
      expect(files.get(dangling)).toMatchObject({ linkTo: 'nowhere/at all', bytes: Buffer.alloc(0) });
      expect(await shell.readFile(join(folder, 'none'), soon)).toBeUndefined();
    });

    it('refuses a folder', async () => {
      await expect(shell.readFile(folder, soon)).rejects.toMatchObject({ code: 'command-failed' });
    });
  });

  describe('replacing', () => {
    it('makes a file with owner, group and mode, and leaves nothing else behind', async () => {
      const path = join(folder, 'made', `key 'of' $etcd.pem`);
      mkdirSync(join(folder, 'made'));
      const bytes = new Secret(Buffer.from([0, 255, 10, 13, 39, 128]));
      await shell.replaceFile(path, { bytes, mode: '0600', uid: 77, gid: 88 }, soon);
      const stat = statSync(path);
      expect([stat.mode & 0o7777, stat.uid, stat.gid]).toEqual([0o600, 77, 88]);
      expect(readFileSync(path)).toEqual(bytes.reveal());
      expect(readdirSync(join(folder, 'made'))).toHaveLength(1);
      await shell.replaceFile(path, { bytes: Buffer.from('second'), mode: '0444', uid: 0, gid: 0 }, soon);
      expect(await shell.readFile(path, soon)).toMatchObject({ bytes: Buffer.from('second'), mode: '0444', uid: 0, gid: 0 });
    });

    it('never shows a part of a file to a reader', async () => {
      const path = join(folder, 'shared');
      const contents = ['a', 'b'].map((c) => Buffer.alloc(300_000, c));
      writeFileSync(path, contents[0] ?? '');
      let isOver = false;
      let reads = 0;
      const reading = (async () => {
        while (!isOver) {
          const seen = readFileSync(path);
          expect(contents.some((c) => c.equals(seen))).toBe(true);
          reads++;
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      for (let n = 0; n < 10; n++) {
        await shell.replaceFile(path, { bytes: contents[n % 2] ?? Buffer.alloc(0), mode: '0644', uid: 0, gid: 0 }, soon);
      }
      isOver = true;
      await reading;
      expect(reads).toBeGreaterThan(100);
    });

    it('lets two replaces of one file follow one another', async () => {
      const path = join(folder, 'twice');
      await Promise.all(['one', 'two', 'three'].map((t) => shell.replaceFile(path, { bytes: Buffer.from(t), mode: '0644', uid: 0, gid: 0 }, soon)));
      expect(readFileSync(path, 'utf8')).toBe('three');
    });

    it('cleans up after a replace that was killed, and only of the same file', async () => {
      const path = join(folder, 'left');
      writeFileSync(join(folder, '.rotate-ca.left.AbCdEfGh.tmp'), 'half');
      writeFileSync(join(folder, '.rotate-ca.other.AbCdEfGh.tmp'), 'not ours');
      await shell.replaceFile(path, { bytes: Buffer.from('x'), mode: '0644', uid: 0, gid: 0 }, soon);
      expect(readdirSync(folder).filter((f) => f.startsWith('.rotate-ca'))).toEqual(['.rotate-ca.other.AbCdEfGh.tmp']);
    });

    it('never puts a file in place whose content was cut off on the way', async () => {
      const path = join(folder, 'cut');
      writeFileSync(path, 'before');
      const running = shell.replaceFile(path, { bytes: Buffer.alloc(40_000_000, 'x'), mode: '0644', uid: 0, gid: 0 }, soon);
      const refused = expect(running).rejects.toMatchObject({ code: 'ssh-lost' });
      await until(() => readdirSync(folder).some((f) => f.startsWith('.rotate-ca.cut.')), 'content arrives');
      sshd.dropConnections();
      await refused;
      await until(() => !readdirSync(folder).some((f) => f.startsWith('.rotate-ca.cut.')), 'the temporary file is gone');
      expect(readFileSync(path, 'utf8')).toBe('before');
    });

    it('says what is wrong with a folder that is not there, and a folder in place of the file', async () => {
      const content = { bytes: Buffer.from('x'), mode: '0644', uid: 0, gid: 0 };
      await expect(shell.replaceFile(join(folder, 'no', 'x'), content, soon)).rejects.toMatchObject({
        code: 'command-failed',
        failures: [{ cause: expect.stringContaining('no such folder') }],
      });
      await expect(shell.replaceFile(folder, content, soon)).rejects.toMatchObject({ code: 'command-failed', failures: [{ cause: expect.stringContaining('is a folder') }] });
    });

    it('leaves everything as it was on a full or read-only disk', async (context) => {
      const mount = join(bench.dir, 'tiny');
      mkdirSync(mount);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', mount], { stdio: 'ignore' });
      } catch {
        context.skip('mounting a tmpfs is not permitted here');
      }
      try {
        const path = join(mount, 'ca.crt');
        writeFileSync(path, 'before', { mode: 0o640 });
        const large = { bytes: Buffer.alloc(200_000, 'x'), mode: '0644', uid: 0, gid: 0 };
        await expect(shell.replaceFile(path, large, soon)).rejects.toMatchObject({ code: 'disk-full' });
        expect(readdirSync(mount)).toEqual(['ca.crt']);
        expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o7777]).toEqual(['before', 0o640]);
        execFileSync('mount', ['-o', 'remount,ro', mount]);
        await expect(shell.replaceFile(path, { ...large, bytes: Buffer.from('x') }, soon)).rejects.toMatchObject({
          code: 'command-failed',
          failures: [{ cause: expect.stringContaining('Read-only') }],
        });
      } finally {
        execFileSync('umount', [mount]);
      }
    });

    it('replaces a symlink and a file by a symlink, in one rename', async () => {
      const path = join(folder, 'current.pem');
      await shell.replaceLink(path, 'first one.pem', soon);
      await shell.replaceLink(path, 'second.pem', soon);
      expect(readlinkSync(path)).toBe('second.pem');
      expect(readdirSync(folder).filter((f) => f.includes('current.pem'))).toEqual(['current.pem']);
    });

    it('removes a file, a dangling symlink, and nothing', async () => {
      const path = join(folder, 'gone');
      writeFileSync(path, '');
      await shell.removeFile(path, soon);
      symlinkSync('nowhere', path);
      await shell.removeFile(path, soon);
      await shell.removeFile(path, soon);
      await shell.removeFile(join(folder, 'no folder', 'x'), soon);
      expect(readdirSync(folder)).not.toContain('gone');
    });
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie is no longer running; its parent has only not asked yet.
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
