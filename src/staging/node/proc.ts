/** /proc of a node: its processes as scripts read them, and the ports on which they listen. */

import { appendFileSync, closeSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { HostMount, StagingProcess, StartProcess } from './staging-node.js';

/** Above what any kernel gives out (PID_MAX_LIMIT is 4,194,304): a kill that goes astray can hit nobody. */
const firstPid = 5_000_001;

export interface ProcessTable {
  start(what: StartProcess): StagingProcess;
  /** A script that somebody runs: it is seen, and can be signalled. Returns what takes it away. */
  script(args: readonly string[], onSignal: (signal: string) => void): () => void;
  list(): readonly StagingProcess[];
  /** Who is connected to which port now. */
  connections(): readonly { readonly port: number; readonly peer: string }[];
  /** False if there is no such process. */
  signal(pid: number, signal: string): boolean;
  /** Clock ticks since boot (field 22 of stat), undefined if there is no such process. */
  startTicks(pid: number): number | undefined;
  endAll(): void;
}

interface Entry {
  readonly startTicks: number;
  readonly process: StagingProcess | undefined;
  readonly signalled: ((signal: string) => void)[];
  end(): void;
}

/** `shim`: the program that stands in a container for each of `programs`. `mayRead` is asked for processes that are not root's, with a path on this machine. */
export function processTable(root: string, shim: string, mayRead: (path: string, user: NonNullable<StartProcess['user']>) => boolean = () => true): ProcessTable {
  const proc = join(root, 'proc');
  const entries = new Map<number, Entry>();
  const listening = new Map<number, Map<number, () => readonly string[]>>();
  let nextPid = firstPid;
  mkdirSync(join(proc, 'net'), { recursive: true });
  // The boot of this machine is the node's: start times then hold to a tick. A file at the node's own place would be old when it is read.
  for (const name of ['uptime', 'self', 'loadavg', 'meminfo', 'cpuinfo', 'version', 'stat', 'filesystems']) symlinkSync(join('/proc', name), join(proc, name));
  writePorts();

  function writePorts(): void {
    const ports = [...new Set([...listening.values()].flatMap((own) => [...own.keys()]))].sort((a, b) => a - b);
    const lines = ports.map(
      (port, index) => `${String(index).padStart(4)}: 00000000:${hex(port)} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ${port} 1`,
    );
    writeFileSync(join(proc, 'net/tcp'), `${[portsHeader, ...lines].join('\n')}\n`);
  }

  function add(name: string, args: readonly string[], ticks: number): number {
    const pid = nextPid++;
    const folder = join(proc, String(pid));
    mkdirSync(folder);
    writeFileSync(join(folder, 'stat'), statLine(pid, name, ticks));
    writeFileSync(join(folder, 'cmdline'), args.map((arg) => `${arg}\0`).join(''));
    return pid;
  }

  function start(what: StartProcess): StagingProcess {
    const ticks = ticksNow();
    const startedAtMs = Date.now();
    const pid = add(what.name, what.args, ticks);
    const folder = join(proc, String(pid));
    writeFileSync(join(folder, 'comm'), `${what.name.slice(0, 15)}\n`);
    writeFileSync(join(folder, 'cgroup'), `0::${what.cgroup ?? '/init.scope'}\n`);
    writeFileSync(
      join(folder, 'environ'),
      Object.entries(what.environment ?? {})
        .map(([name, value]) => `${name}=${value}\0`)
        .join(''),
      { mode: 0o400 },
    );
    const held = what.mounts === undefined ? nodesOwnRoot(folder, root) : mountRoot(folder, root, what.mounts);
    if (what.mounts !== undefined) installPrograms(join(folder, 'root'), what.programs ?? [], shim);
    const signalled: ((signal: string) => void)[] = [];
    const process: StagingProcess = {
      pid,
      name: what.name,
      args: [...what.args],
      startedAtMs,
      read(path) {
        if (what.user !== undefined && !mayRead(join(root, path), what.user)) throw new Error(`open ${path}: permission denied`);
        try {
          return readFileSync(join(folder, 'root', path));
        } catch {
          return undefined;
        }
      },
      append(path, text) {
        if (entries.has(pid)) appendFileSync(join(folder, 'root', path), text, { mode: 0o600 });
      },
      listens(port, peers = () => []) {
        if (!entries.has(pid)) return;
        listening.set(pid, (listening.get(pid) ?? new Map<number, () => readonly string[]>()).set(port, peers));
        writePorts();
      },
      onSignal: (listener) => void signalled.push(listener),
      end() {
        if (!entries.delete(pid)) return;
        if (listening.delete(pid)) writePorts();
        rmSync(folder, { recursive: true, force: true });
        for (const file of held) closeSync(file);
      },
    };
    entries.set(pid, { startTicks: ticks, process, signalled, end: process.end });
    return process;
  }

  return {
    start,
    script(args, onSignal) {
      const ticks = ticksNow();
      const pid = add('sh', args, ticks);
      const end = (): void => {
        if (entries.delete(pid)) rmSync(join(proc, String(pid)), { recursive: true, force: true });
      };
      entries.set(pid, { startTicks: ticks, process: undefined, signalled: [onSignal], end });
      return end;
    },
    list: () => [...entries.values()].flatMap((entry) => (entry.process === undefined ? [] : [entry.process])),
    connections: () => [...listening.values()].flatMap((own) => [...own].flatMap(([port, peers]) => peers().map((peer) => ({ port, peer })))),
    signal(pid, signal) {
      const entry = entries.get(pid);
      if (entry === undefined) return false;
      // Signal 0 only asks whether there is such a process.
      if (signal !== '0') for (const listener of [...entry.signalled]) listener(signal);
      return true;
    },
    startTicks: (pid) => entries.get(pid)?.startTicks,
    endAll() {
      for (const entry of [...entries.values()]) entry.end();
    },
  };
}

const portsHeader = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}

/** Hundredths of a second since boot: USER_HZ is 100 on every Linux. */
export function ticksNow(): number {
  return Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100);
}

// proc(5): 52 fields; those that nobody here reads are 0.
function statLine(pid: number, name: string, ticks: number): string {
  const fields = [pid, `(${name.slice(0, 15)})`, 'S', 1, pid, pid, 0, -1, 4194304, ...Array<number>(10).fill(0), 1, 0, ticks, ...Array<number>(30).fill(0)];
  return `${fields.join(' ')}\n`;
}

function nodesOwnRoot(folder: string, root: string): number[] {
  symlinkSync(root, join(folder, 'root'));
  return [];
}

/**
 * The file tree that a container sees, as /proc/PID/root shows it. A folder mount is a symlink to the node's folder. A single file
 * is held open from here on, and shown through this process: its inode stays although the path gets another one, as with a bind mount,
 * and neither start nor end touch its ctime, which a hard link would. Scripts come with the node's path led into its folder:
 * "$d/root$f" arrives at the same file through a symlink of the folder's own name.
 */
function mountRoot(folder: string, root: string, mounts: readonly HostMount[]): number[] {
  const own = join(folder, 'root');
  const held: number[] = [];
  mkdirSync(join(own, dirname(root)), { recursive: true });
  symlinkSync(own, join(own, root));
  for (const { hostPath, containerPath, isMade = false } of [...mounts].sort((a, b) => a.containerPath.length - b.containerPath.length)) {
    const source = join(root, hostPath);
    const target = join(own, containerPath);
    if (isMade) mkdirSync(source, { recursive: true });
    const stat = statSync(source, { throwIfNoEntry: false });
    // Below a folder that is mounted already there is nothing to make: it would be made on the node.
    if (stat === undefined || lstatSync(target, { throwIfNoEntry: false }) !== undefined || isBelowLink(own, containerPath)) continue;
    mkdirSync(dirname(target), { recursive: true });
    if (stat.isDirectory()) {
      symlinkSync(source, target);
      continue;
    }
    const file = openSync(source, 'r');
    held.push(file);
    symlinkSync(`/proc/${process.pid}/fd/${file}`, target);
  }
  return held;
}

function isBelowLink(own: string, containerPath: string): boolean {
  for (let path = dirname(containerPath); path !== '/' && path !== '.'; path = dirname(path)) {
    if (lstatSync(join(own, path), { throwIfNoEntry: false })?.isSymbolicLink() === true) return true;
  }
  return false;
}

function installPrograms(own: string, programs: readonly string[], shim: string): void {
  if (programs.length === 0) return;
  mkdirSync(join(own, 'usr/local/bin'), { recursive: true });
  for (const program of programs) symlinkSync(shim, join(own, 'usr/local/bin', program));
}
