/** kill, pidof, pgrep, ps and ss of a node: they know its processes and none of this machine's. */

import { readFileSync } from 'node:fs';
import type { ProcessTable } from './proc.js';
import type { CommandAnswer } from './staging-node.js';

export interface Surroundings {
  readonly processes: ProcessTable;
  /** The node's own. */
  readonly address: string;
  readonly caller: { readonly user: string; signalScript(signal: string): void };
  /** Process groups of the scripts that run on the node now. */
  groups(): readonly number[];
}

export function answerBasics(name: string, args: readonly string[], around: Surroundings): CommandAnswer {
  switch (name) {
    case 'kill':
      return kill(args, around);
    case 'ps':
      return ps(around.processes);
    case 'ss':
      return ss(args, around);
    default:
      return find(name, args, around.processes);
  }
}

const signalNames: Readonly<Record<string, string>> = { 1: 'HUP', 2: 'INT', 3: 'QUIT', 9: 'KILL', 10: 'USR1', 12: 'USR2', 15: 'TERM', 18: 'CONT', 19: 'STOP' };

function kill(args: readonly string[], { processes, caller, groups }: Surroundings): CommandAnswer {
  let signal = 'TERM';
  const pids: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    if (arg === '-s' || arg === '-n') signal = args[++index] ?? 'TERM';
    else if (arg === '-l') return { stdout: `${Object.values(signalNames).join(' ')}\n`, stderr: '', exitCode: 0 };
    else if (/^-(?:[A-Za-z]\w*|\d+)$/.test(arg) && pids.length === 0) signal = arg.slice(1);
    else if (arg !== '--') pids.push(arg);
  }
  signal = signalNames[signal] ?? signal.toUpperCase().replace(/^SIG/, '');
  let stderr = '';
  for (const text of pids) {
    const pid = Number(text);
    if (!/^-?\d+$/.test(text)) stderr += `kill: Illegal number: ${text}\n`;
    else if (pid === 0) caller.signalScript(signal);
    else if (processes.startTicks(pid) !== undefined && caller.user !== 'root') stderr += 'kill: Operation not permitted\n';
    else if (!processes.signal(pid, signal) && !signalOwn(pid, signal, groups())) stderr += 'kill: No such process\n';
  }
  return { stdout: '', stderr, exitCode: stderr === '' ? 0 : 1 };
}

/** A child of a script ("$!") has a pid of this machine: it is signalled only if it belongs to a script of this node. */
function signalOwn(pid: number, signal: string, groups: readonly number[]): boolean {
  try {
    // proc(5): session is the 6th field; the name in the 2nd may hold blanks.
    const session = Number(
      readFileSync(`/proc/${Math.abs(pid)}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[3],
    );
    if (!groups.includes(session)) return false;
    process.kill(pid, signal === '0' ? 0 : `SIG${signal}`);
    return true;
  } catch {
    return false;
  }
}

function find(name: string, args: readonly string[], processes: ProcessTable): CommandAnswer {
  const wanted = args.filter((arg) => !arg.startsWith('-'));
  const full = args.some((arg) => /^-\w*f/.test(arg));
  const matches = processes.list().filter((process) => {
    const program = (process.args[0] ?? process.name).replace(/^.*\//, '');
    if (name === 'pidof') return wanted.includes(program);
    return wanted.some((pattern) => new RegExp(args.includes('-x') ? `^(?:${pattern})$` : pattern).test(full ? process.args.join(' ') : program));
  });
  const pids = matches.map((process) => String(process.pid));
  if (pids.length === 0) return { stdout: '', stderr: '', exitCode: 1 };
  return { stdout: name === 'pidof' ? `${pids.reverse().join(' ')}\n` : `${pids.join('\n')}\n`, stderr: '', exitCode: 0 };
}

/** Whatever the options, the columns of `ps -ef`. */
function ps(processes: ProcessTable): CommandAnswer {
  const lines = processes
    .list()
    .map(
      ({ pid, startedAtMs, args }) => `root     ${String(pid).padStart(8)}        1  0 ${new Date(startedAtMs).toISOString().slice(11, 16)} ?        00:00:00 ${args.join(' ')}`,
    );
  return { stdout: `${['UID           PID     PPID  C STIME TTY          TIME CMD', ...lines].join('\n')}\n`, stderr: '', exitCode: 0 };
}

/** As iproute2 prints established TCP connections of a socket for both families. Of filters it knows the one for the own port. */
function ss(args: readonly string[], { processes, address }: Surroundings): CommandAnswer {
  const port = /sport = :(\d+)/.exec(args.join(' '))?.[1];
  const lines = processes
    .connections()
    .filter((one) => port === undefined || one.port === Number(port))
    .map((one) => `0      0      [::ffff:${address}]:${one.port} [::ffff:${one.peer.replace(/:(\d+)$/, ']:$1')} `);
  const header = args.some((arg) => /^-\w*H/.test(arg)) ? [] : ['Recv-Q Send-Q Local Address:Port Peer Address:Port Process'];
  return { stdout: [...header, ...lines].map((line) => `${line}\n`).join(''), stderr: '', exitCode: 0 };
}
