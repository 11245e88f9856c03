/** A real OpenSSH server on loopback in a temporary folder, for the tests of this folder; no configuration of the machine is read or changed. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../domain/cluster/inventory.js';

const sshdPath = ['/usr/sbin/sshd', '/usr/local/sbin/sshd'].find(existsSync);

/** Why these tests cannot run here; undefined if they can. */
export const whyNoSshd: string | undefined =
  sshdPath === undefined ? 'there is no sshd (Debian package openssh-server)' : userInfo().uid !== 0 ? 'an sshd that gives root a shell must be started as root' : undefined;

export interface Sshd {
  readonly port: number;
  /** Public host key, as in a .pub file. */
  readonly hostKey: string;
  readonly hostKeyFile: string;
  /** Kills the servers of open connections, as a crash or a cut line would, and leaves the listener. */
  dropConnections(): void;
  stop(): Promise<void>;
}

export interface Bench {
  readonly dir: string;
  readonly keyFile: string;
  readonly knownHosts: string;
  readonly env: NodeJS.ProcessEnv;
  startSshd(options?: { readonly settings?: readonly string[]; readonly hostKeyType?: string }): Promise<Sshd>;
  startAgent(): string;
  newKey(name: string, options?: { readonly passphrase?: string; readonly type?: string; readonly isAuthorized?: boolean }): string;
  /** Writes an ssh_config and returns its path. */
  config(text: string): string;
  know(sshd: Sshd, name?: string): void;
  stop(): Promise<void>;
}

/** A folder with a user key that is authorized, and what can be started from there. */
export function makeBench(): Bench {
  const dir = mkdtempSync(join(tmpdir(), 'rotate-ca-ssh-'));
  const home = join(dir, 'home');
  const authorized = join(dir, 'authorized_keys');
  const knownHosts = join(dir, 'known_hosts');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  // /run/sshd is where Debian's sshd changes root to before a login; its service makes it.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  writeFileSync(authorized, '', { mode: 0o600 });
  writeFileSync(knownHosts, '');
  const env: NodeJS.ProcessEnv = { PATH: process.env.PATH, HOME: home };
  const servers: Sshd[] = [];
  const agents: ChildProcess[] = [];
  let count = 0;

  function newKey(name: string, options: { readonly passphrase?: string; readonly type?: string; readonly isAuthorized?: boolean } = {}): string {
    const file = join(dir, name);
    execFileSync('ssh-keygen', ['-q', '-t', options.type ?? 'ed25519', '-N', options.passphrase ?? '', '-C', name, '-f', file]);
    if (options.isAuthorized ?? true) {
      writeFileSync(authorized, readFileSync(`${file}.pub`), { flag: 'a' });
    }
    return file;
  }

  async function startSshd(options: { readonly settings?: readonly string[]; readonly hostKeyType?: string } = {}): Promise<Sshd> {
    const port = await freePort();
    const hostKeyFile = newKey(`host-key-${count++}`, { type: options.hostKeyType ?? 'ed25519', isAuthorized: false });
    const file = join(dir, `sshd-${port}.conf`);
    writeFileSync(
      file,
      [
        ...(options.settings ?? []),
        `Port ${port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${hostKeyFile}`,
        `AuthorizedKeysFile ${authorized}`,
        'PidFile none',
        'UsePAM no',
        'StrictModes no',
        'PermitRootLogin yes',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'PrintMotd no',
        '',
      ].join('\n'),
    );
    const child = spawn(sshdPath ?? 'sshd', ['-D', '-e', '-f', file], { stdio: 'ignore' });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await untilListening(port);
    const server: Sshd = {
      port,
      hostKey: readFileSync(`${hostKeyFile}.pub`, 'utf8').trim(),
      hostKeyFile,
      dropConnections: () => {
        for (const pid of childrenOf(child.pid)) {
          process.kill(pid, 'SIGKILL');
        }
      },
      stop: async () => {
        server.dropConnections();
        child.kill('SIGKILL');
        await ended;
      },
    };
    servers.push(server);
    return server;
  }

  return {
    dir,
    keyFile: newKey('user-key'),
    knownHosts,
    env,
    startSshd,
    startAgent: () => {
      const socket = join(dir, `agent-${count++}`);
      agents.push(spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' }));
      return socket;
    },
    newKey,
    config: (text) => {
      const file = join(dir, `config-${count++}`);
      writeFileSync(file, text);
      return file;
    },
    know: (sshd, name = `[127.0.0.1]:${sshd.port}`) => writeFileSync(knownHosts, `${name} ${sshd.hostKey}\n`, { flag: 'a' }),
    stop: async () => {
      await Promise.all(servers.map((s) => s.stop()));
      for (const agent of agents) {
        agent.kill();
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A host of an inventory at an address on loopback. */
export function hostAt(sshHost: string, rest: Partial<Host> = {}): Host {
  return { name: 'cp1', sshHost, become: true, ...rest };
}

/** Waits for a condition, up to a minute. */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end) {
      throw new Error(`never came true: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function childrenOf(pid: number | undefined): number[] {
  const text = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' });
  return text
    .split('\n')
    .map((l) => l.trim().split(/\s+/).map(Number))
    .flatMap(([child, parent]) => (parent === pid && child !== undefined ? [child] : []));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function untilListening(port: number): Promise<void> {
  await until(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', () => resolve(false));
      }),
    `sshd listens on ${port}`,
  );
}
