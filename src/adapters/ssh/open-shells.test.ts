import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../../domain/cluster/inventory.js';
import type { Shells } from '../../ports/node-shell.js';
import { hostAt, makeBench, type Sshd, whyNoSshd } from './openssh.test-support.js';
import { openShells, type SshOptions } from './open-shells.js';

const soon = { deadlineMs: 20_000 };

if (whyNoSshd !== undefined) {
  console.warn(`SKIPPED, src/adapters/ssh/open-shells: ${whyNoSshd}`);
}

describe.skipIf(whyNoSshd !== undefined)('connecting over OpenSSH', () => {
  const bench = makeBench();
  const opened: Shells[] = [];
  let sshd: Sshd;
  let jump: Sshd;

  beforeAll(async () => {
    sshd = await bench.startSshd();
    jump = await bench.startSshd();
  });
  beforeEach(() => {
    writeFileSync(bench.knownHosts, '');
    bench.know(jump);
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((s) => s.close()));
  });
  afterAll(() => bench.stop());

  function shellTo(config: string, options: Partial<SshOptions> & { host?: Host } = {}): ReturnType<Shells['to']> {
    const { host, ...rest } = options;
    const all = `${config}\nHost *\n  User root\n  UserKnownHostsFile ${bench.knownHosts}\n  GlobalKnownHostsFile /dev/null\n  IdentityFile ${bench.keyFile}\n`;
    const shells = openShells({ hosts: [host ?? hostAt('target')], sshConfigFile: bench.config(all), env: bench.env, log: () => undefined, ...rest });
    opened.push(shells);
    return shells.to('cp1');
  }
  const target = (more = ''): string => `Host target\n  HostName 127.0.0.1\n  Port ${sshd.port}\n${more}`;
  const fingerprint = (s: Sshd): string => execFileSync('ssh-keygen', ['-lf', `${s.hostKeyFile}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? '';

  describe('with keys', () => {
    beforeEach(() => bench.know(sshd));

    it('uses a key file', async () => {
      expect(await shellTo(target()).must('echo yes', soon)).toBe('yes\n');
    });

    it.each(['rsa', 'ecdsa', 'ed25519'])('uses a key of the agent: %s', async (type) => {
      const key = bench.newKey(`agent-${type}`, { type });
      const socket = bench.startAgent();
      execFileSync('sh', ['-c', `until ssh-add -q ${key} 2>/dev/null; do sleep 0.05; done`], { env: { ...bench.env, SSH_AUTH_SOCK: socket }, timeout: 10_000 });
      rmSync(key);
      expect(await shellTo(target('  IdentityFile none\n'), { env: { ...bench.env, SSH_AUTH_SOCK: socket } }).must('echo yes', soon)).toBe('yes\n');
      expect(await shellTo(target(`  IdentityAgent ${socket}\n`)).must('echo yes', soon)).toBe('yes\n');
    });

    it('offers with IdentitiesOnly only what is named, found by its public half', async () => {
      const named = bench.newKey('named');
      const socket = bench.startAgent();
      // Six keys that are refused are all that sshd allows (MaxAuthTries).
      for (const name of ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7']) {
        const other = bench.newKey(name, { isAuthorized: false });
        execFileSync('sh', ['-c', `until ssh-add -q ${other} 2>/dev/null; do sleep 0.05; done`], { env: { ...bench.env, SSH_AUTH_SOCK: socket }, timeout: 10_000 });
      }
      execFileSync('ssh-add', ['-q', named], { env: { ...bench.env, SSH_AUTH_SOCK: socket } });
      rmSync(named);
      const env = { ...bench.env, SSH_AUTH_SOCK: socket };
      expect(await shellTo(target(`  IdentityFile ${named}\n  IdentitiesOnly yes\n`), { env }).must('echo yes', soon)).toBe('yes\n');
      expect(await shellTo(target(`  IdentityFile ${named}\n`), { env }).must('echo first', soon)).toBe('first\n');
    });

    it('says which key to add to the agent', async () => {
      const locked = bench.newKey('locked', { passphrase: 'correct horse' });
      const only = { sshConfigFile: bench.config(`${target()}  IdentityFile ${locked}\n  User root\n  UserKnownHostsFile ${bench.knownHosts}\n`) };
      await expect(shellTo('', only).run('true', soon)).rejects.toMatchObject({ code: 'ssh-auth-failed', failures: [{ nextAction: `Run "ssh-add ${locked}"` }] });
    });

    it('says what was offered when all keys are refused', async () => {
      const stranger = bench.newKey('stranger', { isAuthorized: false });
      const only = { sshConfigFile: bench.config(`${target()}  IdentityFile ${stranger}\n  User root\n  UserKnownHostsFile ${bench.knownHosts}\n`) };
      await expect(shellTo('', only).run('true', soon)).rejects.toMatchObject({ code: 'ssh-auth-failed', failures: [{ cause: expect.stringContaining(stranger) }] });
    });

    it('takes address, port, user and configuration from the host', async () => {
      const file = bench.config(`Host *\n  IdentityFile ${bench.keyFile}\n  UserKnownHostsFile ${bench.knownHosts}\n  User nobody\n  Port 1\n`);
      const host = hostAt('127.0.0.1', { sshPort: sshd.port, sshUser: 'root', sshConfigFile: file });
      expect(await shellTo('', { host, sshConfigFile: '/nonexistent' }).must('echo yes', soon)).toBe('yes\n');
    });
  });

  describe('host keys', () => {
    it('stops at an unknown host with the fingerprint that ssh-keygen shows', async () => {
      const cause = expect.stringContaining(fingerprint(sshd));
      await expect(shellTo(target()).run('true', soon)).rejects.toMatchObject({
        code: 'ssh-host-key-unknown',
        failures: [{ target: 'cp1', cause, nextAction: expect.stringContaining(`ssh-keyscan -p ${sshd.port} 127.0.0.1`) }],
      });
    });

    it('stops also where the SSH configuration would not', async () => {
      await expect(shellTo(target('  StrictHostKeyChecking no\n')).run('true', soon)).rejects.toMatchObject({ code: 'ssh-host-key-unknown' });
    });

    it('stops at a changed key with both fingerprints and the place of the known one', async () => {
      bench.know(jump, `[127.0.0.1]:${sshd.port}`);
      const error = await shellTo(target())
        .run('true', soon)
        .catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'ssh-host-key-changed' });
      expect(String(error)).toContain(fingerprint(sshd));
      expect(String(error)).toContain(fingerprint(jump));
      expect(String(error)).toContain(`${bench.knownHosts}:2`);
    });

    it('stops at a revoked key', async () => {
      bench.know(sshd);
      bench.know(sshd, '@revoked *');
      await expect(shellTo(target()).run('true', soon)).rejects.toMatchObject({ code: 'ssh-host-key-changed', failures: [{ cause: expect.stringContaining('@revoked') }] });
    });

    it('says that it cannot check host certificates', async () => {
      bench.know(sshd, '@cert-authority *');
      await expect(shellTo(target()).run('true', soon)).rejects.toMatchObject({ code: 'ssh-host-key-unknown', failures: [{ cause: expect.stringContaining('@cert-authority') }] });
    });

    it('finds names that ssh-keygen has hashed', async () => {
      bench.know(sshd);
      execFileSync('ssh-keygen', ['-q', '-H', '-f', bench.knownHosts], { stdio: 'ignore' });
      expect(readFileSync(bench.knownHosts, 'utf8')).not.toContain('127.0.0.1');
      expect(await shellTo(target()).must('echo yes', soon)).toBe('yes\n');
    });

    it('asks for the type of key that is known, not for the one it likes best', async () => {
      const both = await bench.startSshd({ settings: [`HostKey ${bench.newKey('second-host-key', { type: 'rsa', isAuthorized: false })}`] });
      const rsa = readFileSync(`${bench.dir}/second-host-key.pub`, 'utf8').trim();
      bench.know({ ...both, hostKey: rsa });
      expect(await shellTo(`Host target\n  HostName 127.0.0.1\n  Port ${both.port}\n`).must('echo yes', soon)).toBe('yes\n');
    });

    it('honours HostKeyAlias and files given instead of those of the configuration', async () => {
      const file = `${bench.dir}/own-known-hosts`;
      bench.know(sshd, 'alias1');
      copyFileSync(bench.knownHosts, file);
      writeFileSync(bench.knownHosts, '');
      expect(await shellTo(target('  HostKeyAlias alias1\n'), { knownHostsFiles: [file] }).must('echo yes', soon)).toBe('yes\n');
    });
  });

  describe('jump hosts', () => {
    it('goes through one, and through two', async () => {
      bench.know(sshd);
      const third = await bench.startSshd();
      bench.know(third);
      const jumps = `Host jump1\n  HostName 127.0.0.1\n  Port ${jump.port}\nHost jump2\n  HostName 127.0.0.1\n  Port ${third.port}\n`;
      expect(await shellTo(target('  ProxyJump jump1\n') + jumps).must('echo one', soon)).toBe('one\n');
      expect(await shellTo(target(`  ProxyJump jump1,root@127.0.0.1:${third.port}\n`) + jumps).must('echo two', soon)).toBe('two\n');
      expect(await shellTo(`${target('  ProxyJump jump2\n')}Host jump2\n  ProxyJump jump1\n${jumps}`).must('echo nested', soon)).toBe('nested\n');
    });

    it('shares the connection to a jump host among many nodes, without waiting for itself', async () => {
      bench.know(sshd);
      const lines: string[] = [];
      const names = Array.from({ length: 8 }, (_, n) => `node${n}`);
      const config = `Host node*\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  ProxyJump jump1\nHost jump1\n  HostName 127.0.0.1\n  Port ${jump.port}\n`;
      const more = `Host *\n  User root\n  UserKnownHostsFile ${bench.knownHosts}\n  IdentityFile ${bench.keyFile}\n`;
      const hosts = names.map((name, n) => ({ ...hostAt(name), name, sshHost: `node${n}` }));
      const shells = openShells({ hosts, sshConfigFile: bench.config(config + more), env: bench.env, log: (l) => lines.push(l) });
      opened.push(shells);
      await Promise.all(names.map((n) => shells.to(n).must('true', soon)));
      expect(lines.filter((l) => l.startsWith('jump1: connected'))).toHaveLength(1);
    });

    it('checks the key of a jump host as strictly', async () => {
      writeFileSync(bench.knownHosts, '');
      bench.know(sshd);
      const jumps = `Host jump1\n  HostName 127.0.0.1\n  Port ${jump.port}\n`;
      await expect(shellTo(target('  ProxyJump jump1\n') + jumps).run('true', soon)).rejects.toMatchObject({
        code: 'ssh-host-key-unknown',
        failures: [{ target: 'jump1', cause: expect.stringContaining(fingerprint(jump)) }],
      });
    });

    it('checks the key of the node behind a jump host', async () => {
      const jumps = `Host jump1\n  HostName 127.0.0.1\n  Port ${jump.port}\n`;
      await expect(shellTo(target('  ProxyJump jump1\n') + jumps).run('true', soon)).rejects.toMatchObject({ code: 'ssh-host-key-unknown', failures: [{ target: 'cp1' }] });
    });

    it('says which jump host does not get through', async () => {
      const config = `Host target\n  HostName 127.0.0.1\n  Port 1\n  ProxyJump jump1\nHost jump1\n  HostName 127.0.0.1\n  Port ${jump.port}\n`;
      await expect(shellTo(config).run('true', soon)).rejects.toMatchObject({ code: 'ssh-unreachable', failures: [{ summary: expect.stringContaining('jump1') }] });
    });
  });

  it('runs no more at a time than a host with a small MaxSessions takes', async () => {
    const small = await bench.startSshd({ settings: ['MaxSessions 1'] });
    bench.know(small);
    const shell = shellTo(`Host target\n  HostName 127.0.0.1\n  Port ${small.port}\n`);
    const results = await Promise.all(Array.from({ length: 10 }, (_, n) => shell.must(`echo ${n}`, soon)));
    expect(results.map(Number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('says so when a host opens no session at all', async () => {
    const none = await bench.startSshd({ settings: ['MaxSessions 0'] });
    bench.know(none);
    await expect(shellTo(`Host target\n  HostName 127.0.0.1\n  Port ${none.port}\n`).run('true', soon)).rejects.toMatchObject({ code: 'ssh-unreachable' });
  });

  describe('what cannot work', () => {
    it.each([
      ['a closed port', 'Host target\n  HostName 127.0.0.1\n  Port 1\n', 'ssh-unreachable'],
      ['a name that does not resolve', 'Host target\n  HostName no-such-host.invalid\n', 'ssh-unreachable'],
      ['ProxyCommand', 'Host target\n  ProxyCommand nc %h %p\n', 'ssh-config-invalid'],
      ['a setting that ssh does not know', 'Host target\n  Hostnam x\n', 'ssh-config-invalid'],
      ['a jump host that jumps through itself', 'Host *\n  ProxyJump somewhere\n', 'ssh-config-invalid'],
    ])('%s', async (_, config, code) => {
      await expect(shellTo(config).run('true', soon)).rejects.toMatchObject({ code });
    });

    it('a host that takes the connection and says nothing: the deadline', async () => {
      const { createServer } = await import('node:net');
      const silent = createServer(() => undefined);
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const address = silent.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      await expect(shellTo(`Host target\n  HostName 127.0.0.1\n  Port ${port}\n`).run('true', { deadlineMs: 300 })).rejects.toMatchObject({ code: 'deadline-exceeded' });
      await expect(shellTo(`Host target\n  HostName 127.0.0.1\n  Port ${port}\n  ConnectTimeout 1\n`).run('true', soon)).rejects.toMatchObject({
        code: 'ssh-unreachable',
        failures: [{ cause: 'no answer in time' }],
      });
      silent.close();
    });

    it('a host that is not in the inventory', () => {
      const shells = openShells({ hosts: [], env: bench.env, log: () => undefined });
      expect(() => shells.to('cp9')).toThrow(expect.objectContaining({ code: 'node-unknown' }));
    });
  });
});
