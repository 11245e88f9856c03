/** Processes of a node as /proc shows them: flags that are loaded, start time, and the files as the process itself sees them. */

import type { NodeShell } from '../ports/node-shell.js';

export interface Process {
  readonly pid: number;
  /** Unix time in ms by the clock of the node, up to 20 ms early, never late. */
  readonly startedAtMs: number;
  /** How long it ran when it was looked at, ms. */
  readonly ageMs: number;
  readonly args: readonly string[];
  /** Files as the process sees them through its own mounts: path -> SHA-256. A single-file mount shows the old inode here. */
  readonly mounted: ReadonlyMap<string, string>;
  /** Of those, the ones of which it keeps an earlier inode (a single-file mount): it has never seen anything else there. */
  readonly kept: ReadonlySet<string>;
  /** ctime on the node of each file asked for, Unix ms: a process that started later has read it. Of a symlink: its own or that of what it leads to, the later one. */
  readonly changedAtMs: ReadonlyMap<string, number>;
  /** The files as the node has them: path -> SHA-256. */
  readonly onDisk: ReadonlyMap<string, string>;
  /** TCP ports in LISTEN, of the node's network namespace. */
  readonly listening: ReadonlySet<number>;
}

/*
 * argv[0] is matched by its last path element, so that containers and systemd units are found alike.
 * No ps, no crictl: neither is on every node. One grep over all processes, one stat and one sha256sum over all files:
 * a look each second must not cost a node some forks for each of them.
 * The clock is read before the uptime: on a busy node a process then looks older than it is, never younger.
 */
function script(name: string, files: readonly string[], text: string | undefined): string {
  const list = files.map((f) => `'${f}'`).join(' ');
  return `
set -f; IFS='
'
now=$(date +%s.%N); read -r up rest < /proc/uptime; echo "T $now $up"
set -- ${list}; asked=
for c in $(set +f; grep -lzE '(^|/)${name}$' /proc/[0-9]*/cmdline 2>/dev/null); do
  d=\${c%/cmdline}; a=$(tr '\\0' '\\n' < $c 2>/dev/null); p=\${a%%"$IFS"*}
  [ "\${p##*/}" = '${name}' ] && read -r s 2>/dev/null < $d/stat || continue
  echo "P \${d#/proc/} \${s##*) }"; printf 'A %s\\n' $a
  for f; do asked=$asked$d/root$f$IFS; done
done
for f; do [ ! -L "$f" ] || stat -c 'S %d:%i %.3Z %n' "$f"; done
${files.length === 0 ? '' : `stat -L -c 'S %d:%i %.3Z %n' "$@" $asked 2>/dev/null; sha256sum "$@" $asked 2>/dev/null`}
${text === undefined ? '' : `sed 's/^/X /' '${text}' 2>/dev/null`}
awk '$4 == "0A" {n = split($2, p, ":"); if (!seen[p[n]]++) print "L " p[n]}' /proc/net/tcp /proc/net/tcp6 2>/dev/null
true`;
}

export interface Look {
  /** The youngest first. */
  readonly processes: readonly Process[];
  /** Text of the file that was asked for with `text`; undefined if it is not there, or was not asked for. */
  readonly text: string | undefined;
}

type Limits = { readonly deadlineMs: number; readonly signal?: AbortSignal };

/** All processes whose argv[0] ends in `name`, the youngest first. */
export async function findProcesses(shell: NodeShell, name: string, files: readonly string[], limits: Limits): Promise<readonly Process[]> {
  return (await lookAt(shell, name, { files }, limits)).processes;
}

/** As findProcesses, with the text of a file of the node in the same look: one round trip. */
export async function lookAt(shell: NodeShell, name: string, at: { readonly files: readonly string[]; readonly text?: string }, limits: Limits): Promise<Look> {
  return parseLook(await shell.must(script(name, at.files, at.text), limits));
}

/** proc(5), sysconf(_SC_CLK_TCK): 100 on every Linux that Kubernetes runs on. */
const msPerTick = 10;

interface Seen {
  readonly inode: string;
  readonly changedAtMs: number;
}

/** Parses what the script prints; exported for its test. */
export function parseLook(output: string): Look {
  const found: { pid: number; ticks: number; args: string[] }[] = [];
  const seen = new Map<string, Seen>();
  const sums = new Map<string, string>();
  const listening = new Set<number>();
  let text: string | undefined;
  let nowMs = 0;
  let upMs = 0;
  for (const line of output.split('\n')) {
    const [tag = '', first = '', ...rest] = line.split(' ');
    if (tag === 'T') [nowMs, upMs] = [Number(first) * 1000, Number(rest[0]) * 1000];
    // Field 22 of /proc/PID/stat: the rest of the line begins with field 3.
    else if (tag === 'P') found.push({ pid: Number(first), ticks: Number(rest[19]), args: [] });
    else if (tag === 'A') found.at(-1)?.args.push(line.slice(2));
    else if (tag === 'S') {
      const path = rest.slice(1).join(' ');
      seen.set(path, { inode: first, changedAtMs: Math.max(Number(rest[0]) * 1000, seen.get(path)?.changedAtMs ?? 0) });
    } else if (tag === 'L') listening.add(Number.parseInt(first, 16));
    else if (tag === 'X') text = `${text ?? ''}${line.slice(2)}\n`;
    else if (/^[0-9a-f]{64}$/.test(tag)) sums.set(line.slice(66), tag);
  }
  const isOfNode = (path: string): boolean => !/^\/proc\/\d+\/root\//.test(path);
  const changedAtMs = new Map([...seen].filter(([path]) => isOfNode(path)).map(([path, { changedAtMs: at }]) => [path, at]));
  const onDisk = new Map([...sums].filter(([path]) => isOfNode(path)));
  const processes = found.map(({ pid, ticks, args }): Process => {
    const root = `/proc/${pid}/root`;
    const mounted = new Map([...sums].flatMap(([path, sum]) => (path.startsWith(`${root}/`) ? [[path.slice(root.length), sum] as const] : [])));
    const kept = new Set([...mounted.keys()].filter((path) => seen.get(`${root}${path}`)?.inode !== seen.get(path)?.inode));
    // The kernel cuts the uptime to a tick: without one more a process might look younger than it is.
    const ageMs = upMs + msPerTick - ticks * msPerTick;
    return { pid, startedAtMs: Math.round(nowMs - ageMs), ageMs, args, mounted, kept, changedAtMs, onDisk, listening };
  });
  return { processes: processes.sort((a, b) => b.startedAtMs - a.startedAtMs), text };
}

/** The value of a flag on a command line, without leading dashes. */
export function flagOf(process: Pick<Process, 'args'>, flag: string): string | undefined {
  const start = `--${flag}=`;
  return process.args.find((a) => a.startsWith(start))?.slice(start.length);
}
