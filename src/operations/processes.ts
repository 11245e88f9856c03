/** Processes of a node as /proc shows them: flags that are loaded, start time, and the files as the process itself sees them. */

import type { NodeShell } from '../ports/node-shell.js';

export interface Process {
  readonly pid: number;
  /** Unix time in ms, to 10 ms. */
  readonly startedAtMs: number;
  readonly args: readonly string[];
  /** Files as the process sees them through its own mounts: path -> SHA-256. A single-file mount shows the old inode here. */
  readonly mounted: ReadonlyMap<string, string>;
  /** Of those, the ones of which it keeps an earlier inode (a single-file mount): it has never seen anything else there. */
  readonly kept: ReadonlySet<string>;
  /** SHA-256 of each file asked for as it lies on the node, by path: read in the same look. */
  readonly onDisk: ReadonlyMap<string, string>;
  /** ctime on the node of each file asked for, Unix ms: a process that started later has read it. Of a symlink: its own or that of what it leads to, the later one. */
  readonly changedAtMs: ReadonlyMap<string, number>;
  /** TCP ports in LISTEN, of the node's network namespace. */
  readonly listening: ReadonlySet<number>;
}

/*
 * argv[0] is matched by its last path element, so that containers and systemd units are found alike.
 * Start time: field 22 of /proc/PID/stat in clock ticks since boot (proc(5)), against /proc/uptime; a tick is 10 ms wherever Kubernetes runs.
 * The clock is read before the uptime: on a busy node a process then looks older than it is, never younger.
 * No ps, no crictl: neither is on every node. One grep over all processes, and one program for all files: steps look each second, and what
 * a look costs is programs started.
 */
function script(name: string, files: readonly string[]): string {
  const ofNode = files.map((f) => `'${f}'`).join(' ');
  const ofProcess = files.map((f) => `"$d/root"'${f}'`).join(' ');
  return `
nl='
'
now=$(date +%s%N); read -r up rest < /proc/uptime; up=\${up%.*}\${up#*.}
for c in $(grep -lzE '(^|/)${name}$' /proc/[0-9]*/cmdline 2>/dev/null); do
  d=\${c%/cmdline}; args=$(tr '\\0' '\\n' < $c 2>/dev/null)
  a=\${args%%"$nl"*}; [ "\${a##*/}" = '${name}' ] || continue
  { read -r s < $d/stat; } 2>/dev/null || continue
  set -- \${s##*) }; [ $# -ge 20 ] || continue
  echo "P \${d#/proc/} $((\${now%??????} - \${up}0 + \${20}0))"
  set -f; IFS=$nl; for a in $args; do printf 'A %s\\n' "$a"; done; set +f; unset IFS
${files.length === 0 ? '' : `  sha256sum -- ${ofProcess} 2>/dev/null | sed 's/^/M /'; stat -L -c 'I %d:%i %n' -- ${ofProcess} 2>/dev/null`}
done
${
  files.length === 0
    ? ''
    : `stat -L -c 'C %.3Z %n' -- ${ofNode} 2>/dev/null; stat -c 'c %.3Z %n' -- ${ofNode} 2>/dev/null; stat -L -c 'N %d:%i %n' -- ${ofNode} 2>/dev/null
sha256sum -- ${ofNode} 2>/dev/null | sed 's/^/H /'`
}
awk '$4=="0A"{n=split($2,p,":"); print "L " p[n]}' /proc/net/tcp /proc/net/tcp6 2>/dev/null
true`;
}

/** All processes whose argv[0] ends in `name`, the youngest first. */
export async function findProcesses(shell: NodeShell, name: string, files: readonly string[], limits: { deadlineMs: number; signal?: AbortSignal }): Promise<Process[]> {
  return parseProcesses(await shell.must(script(name, files), limits));
}

interface Found {
  readonly pid: number;
  readonly startedAtMs: number;
  readonly args: string[];
  readonly mounted: Map<string, string>;
  /** Device and inode of each file as the process sees it. */
  readonly seen: Map<string, string>;
}

/** Parses what the script prints; exported for its test. */
export function parseProcesses(output: string): Process[] {
  const found: Found[] = [];
  const changed = new Map<string, number>();
  const linkChanged = new Map<string, number>();
  const onNode = new Map<string, string>();
  const onDisk = new Map<string, string>();
  const listening = new Set<number>();
  for (const line of output.split('\n')) {
    const [tag = '', first = '', ...rest] = line.split(' ');
    // sha256sum puts a second blank before the name.
    const path = rest.join(' ').trimStart();
    const current = found.at(-1);
    if (tag === 'P') found.push({ pid: Number(first), startedAtMs: Number(path), args: [], mounted: new Map(), seen: new Map() });
    else if (tag === 'A') current?.args.push(line.slice(2));
    else if (tag === 'M') current?.mounted.set(inProcess(path, current.pid), first);
    else if (tag === 'I') current?.seen.set(inProcess(path, current.pid), first);
    else if (tag === 'C') changed.set(path, Number(first) * 1000);
    else if (tag === 'c') linkChanged.set(path, Number(first) * 1000);
    else if (tag === 'N') onNode.set(path, first);
    else if (tag === 'H') onDisk.set(path, first);
    else if (tag === 'L') listening.add(Number.parseInt(first, 16));
  }
  const changedAtMs = new Map([...changed].map(([path, at]) => [path, Math.max(at, linkChanged.get(path) ?? 0)]));
  return found
    .map(({ seen, ...process }) => ({
      ...process,
      kept: new Set([...process.mounted.keys()].filter((path) => seen.get(path) !== onNode.get(path))),
      onDisk,
      changedAtMs,
      listening,
    }))
    .sort((a, b) => b.startedAtMs - a.startedAtMs);
}

/** The name of a file in the mounts of a process. */
function inProcess(path: string, pid: number): string {
  const root = `/proc/${pid}/root`;
  return path.startsWith(`${root}/`) ? path.slice(root.length) : path;
}

/** The value of a flag on a command line, without leading dashes. */
export function flagOf(process: Pick<Process, 'args'>, flag: string): string | undefined {
  const start = `--${flag}=`;
  return process.args.find((a) => a.startsWith(start))?.slice(start.length);
}
