/** Hosts for the measurement of a fleet: real OpenSSH servers on loopback, each with its own address, host key and folder; no configuration of the machine is read or changed. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

export interface FleetHost {
  /** As ssh_config, Ansible and our inventory name it: "h07". */
  readonly name: string;
  /** Where the pair belongs; here also the file of the unit's process lies. */
  readonly folder: string;
}

export interface Fleet {
  /** Of the measurement, 0700: everything is below it. */
  readonly dir: string;
  readonly hosts: readonly FleetHost[];
  /** For `ssh -F`: address, port, key, strict checks of the host keys, and the key exchange that ssh2 knows as well, so that all sides reckon the same. */
  readonly sshConfig: string;
  /** The same with the key exchange that OpenSSH chooses by itself, which costs it many times as much. */
  readonly sshConfigAsItComes: string;
  /** Programs that each side calls on a host with the host's folder. */
  readonly restartUnit: string;
  readonly unitIsActive: string;
  /** Login shell of the hosts. */
  readonly shell: string;
  /** Process id of the unit on a host. */
  unitPid(host: FleetHost): number;
  /** Ends connections that are still open, as those that Ansible keeps. */
  dropSessions(): void;
  /** Ends servers, sessions and units by their ids and removes the folder. May be called again, also from a signal handler. */
  stop(): void;
}

/** In place of systemd: a process that is ended and started again. It ends by itself after an hour, should nobody do it. */
const restartUnit = `#!/bin/sh
set -eu
file=$1/unit.pid
old=
[ ! -e "$file" ] || read -r old <"$file"
if [ -n "$old" ] && kill "$old" 2>/dev/null; then
  while read -r stat 2>/dev/null <"/proc/$old/stat"; do
    case $stat in *') Z '*) break ;; esac
    sleep 0.01
  done
fi
setsid sleep 3600 </dev/null >/dev/null 2>&1 &
echo $! >"$file"
`;

const unitIsActive = `#!/bin/sh
set -eu
read -r pid <"$1/unit.pid"
read -r stat <"/proc/$pid/stat"
case $stat in *') Z '*) echo inactive >&2; exit 3 ;; *) echo active ;; esac
`;

/** Starts so many hosts. `shell`: login shell of root on them. `below`: folder in which theirs is made. `begun` is given `stop` before anything is started, for signals that come meanwhile. */
export async function startFleet(count: number, shell: string, below: string, begun: (stop: () => void) => void): Promise<Fleet> {
  const dir = mkdtempSync(join(below, 'rotate-ca-fleet-'));
  const servers: ChildProcess[] = [];
  const hosts = Array.from({ length: count }, (_, n) => {
    const name = `h${String(n + 1).padStart(2, '0')}`;
    return { name, folder: join(dir, 'hosts', name, 'pki') };
  });
  const unitPid = ({ folder }: FleetHost): number => Number(readFileSync(join(folder, 'unit.pid'), 'utf8'));
  const dropSessions = (): void => {
    for (const session of servers.flatMap(({ pid }) => (pid === undefined ? [] : childrenOf(pid)))) end(session);
  };
  const stop = (): void => {
    dropSessions();
    for (const { pid } of servers) if (pid !== undefined) end(pid);
    for (const host of hosts) {
      try {
        const pid = unitPid(host);
        if (readFileSync(`/proc/${pid}/cmdline`, 'utf8') === 'sleep\x003600\0') end(pid);
      } catch {
        // It has not been started, or has ended.
      }
    }
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  begun(stop);
  try {
    const program = (name: string, text: string): string => {
      const file = join(dir, name);
      writeFileSync(file, text, { mode: 0o755 });
      return file;
    };
    const port = await freePort();
    const userKey = makeKey(join(dir, 'user-key'));
    const knownHosts = join(dir, 'known_hosts');
    const sshConfigAsItComes = join(dir, 'ssh_config');
    const sshConfig = join(dir, 'ssh_config_same');
    // /run/sshd is where Debian's sshd changes root to before a login; its service makes it.
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    for (const [n, { name, folder }] of hosts.entries()) {
      const address = `127.77.0.${n + 1}`;
      const home = join(dir, 'hosts', name, 'root');
      for (const path of [folder, home]) mkdirSync(path, { recursive: true, mode: 0o700 });
      const hostKey = makeKey(join(dir, 'hosts', name, 'host-key'));
      writeFileSync(knownHosts, `[${address}]:${port} ${readFileSync(`${hostKey}.pub`, 'utf8')}`, { flag: 'a', mode: 0o600 });
      writeFileSync(sshConfigAsItComes, `Host ${name}\n  HostName ${address}\n  Port ${port}\n`, { flag: 'a', mode: 0o600 });
      servers.push(startServer({ folder: join(dir, 'hosts', name), address, port, hostKey, authorized: `${userKey}.pub`, home, shell }));
    }
    writeFileSync(
      sshConfigAsItComes,
      `Host *\n  User root\n  IdentityFile ${userKey}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile ${knownHosts}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n  BatchMode yes\n`,
      { flag: 'a' },
    );
    writeFileSync(sshConfig, `KexAlgorithms curve25519-sha256\n${readFileSync(sshConfigAsItComes, 'utf8')}`, { mode: 0o600 });
    for (const n of hosts.keys()) await untilListening(`127.77.0.${n + 1}`, port);
    const fleet = {
      dir,
      hosts,
      sshConfig,
      sshConfigAsItComes,
      restartUnit: program('restart-unit', restartUnit),
      unitIsActive: program('unit-is-active', unitIsActive),
      shell,
      unitPid,
      dropSessions,
      stop,
    };
    for (const { folder } of hosts) execFileSync(fleet.restartUnit, [folder]);
    return fleet;
  } catch (error) {
    stop();
    throw error;
  }
}

interface ServerParts {
  readonly folder: string;
  readonly address: string;
  readonly port: number;
  readonly hostKey: string;
  readonly authorized: string;
  readonly home: string;
  readonly shell: string;
}

/** In a mount namespace of its own, where root has the wanted login shell and the host's own home; it ends with this process, however that ends. */
function startServer({ folder, address, port, hostKey, authorized, home, shell }: ServerParts): ChildProcess {
  const passwd = join(folder, 'passwd');
  const config = join(folder, 'sshd_config');
  const users = readFileSync('/etc/passwd', 'utf8').replace(/^root:.*$/m, `root:x:0:0:root:${home}:${shell}`);
  writeFileSync(passwd, users, { mode: 0o644 });
  const settings = [
    `Port ${port}`,
    `ListenAddress ${address}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${authorized}`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    'PermitRootLogin prohibit-password',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PrintMotd no',
    'UseDNS no',
  ];
  writeFileSync(config, `${settings.join('\n')}\n`, { mode: 0o600 });
  const start = 'mount --bind "$1" /etc/passwd && exec /usr/sbin/sshd -D -f "$2"';
  const args = ['--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private', 'sh', '-c', start, 'sh', passwd, config];
  // A group of its own: Ctrl-C at the terminal is for the measurement, which ends its servers itself.
  return spawn('setpriv', args, { stdio: 'ignore', detached: true });
}

function makeKey(file: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', file]);
  return file;
}

/** Processes that a process has started and that have not ended. */
function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter(Boolean);
    return children.flatMap((child) => [...childrenOf(child), child]);
  } catch {
    return [];
  }
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  // On all addresses: each host has one of its own, with this port.
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function untilListening(host: string, port: number): Promise<void> {
  const last = performance.now() + 30_000;
  const tryOnce = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, host);
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
  while (!(await tryOnce())) {
    if (performance.now() > last) throw new Error(`the sshd at ${host}:${port} does not listen`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
