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
  /** ctime on the node of each file asked for, Unix ms: a process that started later has read it. Of a symlink: its own or that of what it leads to, the later one. */
  readonly changedAtMs: ReadonlyMap<string, number>;
  /** TCP ports in LISTEN, of the node's network namespace. */
  readonly listening: ReadonlySet<number>;
}

/*
 * argv[0] is matched by its last path element, so that containers and systemd units are found alike.
 * Start time: field 22 of /proc/PID/stat in clock ticks since boot (proc(5)), against /proc/uptime.
 * The clock is read before the uptime: on a busy node a process then looks older than it is, never younger.
 * No ps, no crictl: neither is on every node. One grep over all processes: a look each second must not cost a node three forks for each of them.
 */
function script(name: string, files: readonly string[]): string {
  const list = files.map((f) => `'${f}'`).join(' ');
  return `
hz=$(getconf CLK_TCK 2>/dev/null || echo 100)
now=$(date +%s.%N); up=$(cut -d' ' -f1 /proc/uptime)
for c in $(grep -lzE '(^|/)${name}$' /proc/[0-9]*/cmdline 2>/dev/null); do
  d=\${c%/cmdline}; a=$(tr '\\0' '\\n' < $c 2>/dev/null | head -n 1)
  [ "\${a##*/}" = '${name}' ] || continue
  s=$(sed 's/.*) //' $d/stat 2>/dev/null | cut -d' ' -f20); [ -n "$s" ] || continue
  echo "P \${d#/proc/} $(awk -v s=$s -v hz=$hz -v up=$up -v now=$now 'BEGIN{printf "%.0f", (now - (up - s/hz))*1000}')"
  tr '\\0' '\\n' < $d/cmdline | sed 's/^/A /'
  for f in ${list}; do h=$(sha256sum $d/root$f 2>/dev/null | cut -c1-64); [ -n "$h" ] || continue; echo "M $h $f"
    [ "$(stat -L -c %d:%i $d/root$f 2>/dev/null)" = "$(stat -L -c %d:%i "$f" 2>/dev/null)" ] || echo "K $f"; done
done
for f in ${list}; do [ -e "$f" ] && echo "C $({ stat -c %.3Z "$f"; stat -L -c %.3Z "$f"; } | sort -n | tail -n 1) $f"; done
cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4=="0A"{n=split($2,p,":"); print "L " p[n]}' | sort -u
true`;
}

/** All processes whose argv[0] ends in `name`, the youngest first. */
export async function findProcesses(shell: NodeShell, name: string, files: readonly string[], limits: { deadlineMs: number; signal?: AbortSignal }): Promise<Process[]> {
  return parseProcesses(await shell.must(script(name, files), limits));
}

/** Parses what the script prints; exported for its test. */
export function parseProcesses(output: string): Process[] {
  const found: { pid: number; startedAtMs: number; args: string[]; mounted: Map<string, string>; kept: Set<string> }[] = [];
  const changedAtMs = new Map<string, number>();
  const listening = new Set<number>();
  for (const line of output.split('\n')) {
    const [tag, first = '', ...rest] = line.split(' ');
    const current = found.at(-1);
    if (tag === 'P') found.push({ pid: Number(first), startedAtMs: Number(rest[0]), args: [], mounted: new Map(), kept: new Set() });
    else if (tag === 'A' && current !== undefined) current.args.push(line.slice(2));
    else if (tag === 'M' && current !== undefined) current.mounted.set(rest.join(' '), first);
    else if (tag === 'K' && current !== undefined) current.kept.add([first, ...rest].join(' '));
    else if (tag === 'C') changedAtMs.set(rest.join(' '), Number(first) * 1000);
    else if (tag === 'L') listening.add(Number.parseInt(first, 16));
  }
  return found.map((p) => ({ ...p, changedAtMs, listening })).sort((a, b) => b.startedAtMs - a.startedAtMs);
}

/** The value of a flag on a command line, without leading dashes. */
export function flagOf(process: Pick<Process, 'args'>, flag: string): string | undefined {
  const start = `--${flag}=`;
  return process.args.find((a) => a.startsWith(start))?.slice(start.length);
}
