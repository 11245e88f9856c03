import { execFileSync } from 'node:child_process';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NodeShell, Shells } from '../../ports/node-shell.js';
import { commandLine, sudoRefusal } from './command-line.js';
import { hostAt, makeBench } from './openssh.test-support.js';
import { openShells } from './open-shells.js';

const soon = { deadlineMs: 20_000 };

// A user without root needs an account of its own, which no test should make: an SSH server that hands the line to a real shell, with a `sudo` of ours in PATH.
describe('a login user that is not root', () => {
  const bench = makeBench();
  const bin = join(bench.dir, 'bin');
  const asked = join(bench.dir, 'asked');
  let shells: Shells;
  let shell: NodeShell;
  let server: InstanceType<typeof ssh2.Server>;

  beforeAll(async () => {
    mkdirSync(bin);
    const hostKeyFile = bench.newKey('host', { type: 'ecdsa', isAuthorized: false });
    server = new ssh2.Server({ hostKeys: [readFileSync(hostKeyFile)] }, (client) => {
      client.on('error', () => undefined);
      client.on('authentication', (auth) => (auth.method === 'publickey' ? auth.accept() : auth.reject(['publickey'])));
      client.on('session', (accept) =>
        accept().on('exec', (acceptExec, _reject, { command }) => {
          const channel = acceptExec();
          const child = spawn('sh', ['-c', command], { env: { PATH: `${bin}:${process.env.PATH}` } });
          channel.pipe(child.stdin).on('error', () => undefined);
          child.stdout.pipe(channel, { end: false });
          child.stderr.pipe(channel.stderr, { end: false });
          child.on('close', (code) => {
            channel.exit(code ?? 255);
            channel.end();
          });
        }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    writeFileSync(bench.knownHosts, `[127.0.0.1]:${port} ${readFileSync(`${hostKeyFile}.pub`, 'utf8')}`);
    const sshConfigFile = bench.config(`Host *\n  User sre\n  IdentityFile ${bench.keyFile}\n`);
    shells = openShells({ hosts: [hostAt('127.0.0.1', { sshPort: port })], sshConfigFile, knownHostsFiles: [bench.knownHosts], env: bench.env, log: () => undefined });
    shell = shells.to('cp1');
  });

  afterAll(async () => {
    await shells.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await bench.stop();
  });

  function sudoIs(script: string): void {
    writeFileSync(join(bin, 'sudo'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, 'sudo'), 0o755);
  }

  it('goes through sudo -n with the script as one word', async () => {
    sudoIs(`printf '%s\\n' "$1" "$2" >${asked}; shift 2; exec "$@"`);
    expect(await shell.run(`cat; printf '%s' "it's \\$x" '"y"'; exit 3`, { ...soon, stdin: 'in ' })).toEqual({ exitCode: 3, stdout: `in it's $x"y"`, stderr: '' });
    expect(readFileSync(asked, 'utf8')).toBe('-n\n--\n');
  });

  it('writes and reads files through it', async () => {
    sudoIs('shift 2; exec "$@"');
    const path = join(bench.dir, "it's");
    await shell.replaceFile(path, { bytes: Buffer.from([0, 1, 255]), mode: '0600', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }, soon);
    expect((await shell.readFile(path, soon))?.bytes).toEqual(Buffer.from([0, 1, 255]));
  });

  it.each([
    ['a password', 'echo "sudo: a password is required" >&2; exit 1'],
    ['a terminal', 'echo "sudo: sorry, you must have a tty to run sudo" >&2; exit 1'],
    ['another rule', 'echo "Sorry, user sre is not allowed to execute env as root on cp1." >&2; exit 1'],
    ['an entry', 'echo "sre is not in the sudoers file." >&2; exit 1'],
  ])('says what to do when sudo wants %s', async (_, script) => {
    sudoIs(script);
    await expect(shell.run('true', soon)).rejects.toMatchObject({ code: 'sudo-refused', failures: [{ target: 'cp1', nextAction: expect.stringContaining('NOPASSWD') }] });
    await expect(shell.readFile('/etc/hosts', soon)).rejects.toMatchObject({ code: 'sudo-refused' });
  });

  it('says so when there is no sudo', async () => {
    rmSync(join(bin, 'sudo'));
    expect(sudoRefusal({ exitCode: 127, stdout: Buffer.alloc(0), stderr: Buffer.from("env: 'sudo': No such file or directory\n") })).toContain('sudo');
  });

  it('does not take the words of a script for those of sudo', () => {
    expect(sudoRefusal({ exitCode: 1, stdout: Buffer.from('x'), stderr: Buffer.from('sudo: a password is required') })).toBeUndefined();
    expect(sudoRefusal({ exitCode: 2, stdout: Buffer.alloc(0), stderr: Buffer.from('sudo: a password is required') })).toBeUndefined();
    expect(sudoRefusal({ exitCode: 1, stdout: Buffer.alloc(0), stderr: Buffer.from('cat: x: No such file or directory') })).toBeUndefined();
  });
});

describe('commandLine', () => {
  it('brings any script through a login shell', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }).filter((s) => !s.includes('\0')),
        (text) => {
          const script = `cat <<'END OF TEXT'\n${text}\nEND OF TEXT\n`;
          const line = commandLine(script, { user: 'root', leftMs: 5_000, tag: 'rotate-ca-test' });
          expect(execFileSync('sh', ['-c', line], { encoding: 'utf8' })).toBe(`${text}\n`);
        },
      ),
      { numRuns: 60 },
    );
  });
});
