/** A rehearsal as users start it, in a temporary folder of its own, and what it has left behind. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programOf } from './cli.js';
import { environmentOf, isWithin, listenersIn, pids } from './listening.js';

export interface StartedRehearsal {
  readonly child: ChildProcess;
  /** What has come so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Resolves with what the pattern has found in either stream; throws if the rehearsal ends before. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
}

export interface RehearsalPlace {
  /** Its TMPDIR. */
  readonly tmp: string;
  start(args: readonly string[], options?: { readonly env?: Readonly<Record<string, string>>; readonly inside?: readonly string[] }): StartedRehearsal;
  /** Names in the temporary folder, processes that have it in their surroundings, ports of its blocks that something of it listens on. */
  left(): { readonly files: readonly string[]; readonly processes: readonly string[]; readonly ports: readonly string[] };
  /** Looks until nothing is left, or for so long. */
  leftAfter(ms: number): Promise<ReturnType<RehearsalPlace['left']>>;
  remove(): void;
}

export const nothing = { files: [], processes: [], ports: [] };

const prefix = 'rotate-ca-rehearsal-';

export function rehearsalPlace(): RehearsalPlace {
  const home = mkdtempSync(join(tmpdir(), prefix));
  const tmp = mkdtempSync(join(home, 'tmp-'));
  const blocks = new Set<string>();
  const started: ChildProcess[] = [];

  function start(
    args: readonly string[],
    { env = {}, inside = [] }: { readonly env?: Readonly<Record<string, string>>; readonly inside?: readonly string[] } = {},
  ): StartedRehearsal {
    const [program = '', ...rest] = [...inside, process.execPath, ...programOf('main'), 'rehearse', ...args];
    const child = spawn(program, rest, { cwd: home, env: { PATH: process.env.PATH ?? '', HOME: home, TMPDIR: tmp, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    const said = { stdout: '', stderr: '' };
    const listeners = new Set<() => void>();
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        said[stream] += text;
        // In a network of its own its ports are nobody's here.
        if (inside.length === 0) for (const [, block = ''] of said[stream].matchAll(/on 127\.(\d+)\.x\.y/g)) blocks.add(block);
        for (const listener of [...listeners]) listener();
      });
    }
    let isEnded = false;
    const ended = new Promise<number | string>((resolve) => {
      child.once('close', (code, signal) => {
        isEnded = true;
        resolve(code ?? signal ?? -1);
        for (const listener of [...listeners]) listener();
      });
    });
    return {
      child,
      stdout: () => said.stdout,
      stderr: () => said.stderr,
      ended,
      until: (pattern) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            const found = pattern.exec(said.stderr) ?? pattern.exec(said.stdout);
            if (found === null && !isEnded) return;
            listeners.delete(look);
            if (found === null) reject(new Error(`it ended before ${String(pattern)}:\n${said.stderr}\n${said.stdout}`));
            else resolve(found);
          };
          listeners.add(look);
          look();
        }),
    };
  }

  const left = (): ReturnType<RehearsalPlace['left']> => ({ files: readdirSync(tmp).sort(), processes: processesWith(tmp), ports: leftListening(blocks, tmp) });

  return {
    tmp,
    start,
    left,
    async leftAfter(ms) {
      const endsAt = performance.now() + ms;
      for (;;) {
        const now = left();
        if ((now.files.length === 0 && now.processes.length === 0 && now.ports.length === 0) || performance.now() > endsAt) return now;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    remove() {
      for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** By their environment: nothing else on this machine has this folder in it. */
function processesWith(folder: string): string[] {
  return pids()
    .filter((pid) => environmentOf(pid).includes(folder))
    .flatMap((pid) => {
      try {
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
      } catch {
        return [];
      }
    });
}

/**
 * What is listened on in these blocks by whoever has this folder in its environment, whoever this process has started, or an orphan. Another
 * test at the same time may have taken a block that has become free, or tries whether it is.
 */
function leftListening(blocks: ReadonlySet<string>, folder: string): string[] {
  return listenersIn(blocks).flatMap(({ at, pid }) => {
    const environment = environmentOf(pid);
    const isOurs = environment.includes(folder) || isWithin(pid, process.pid) || (!isWithin(pid, process.ppid) && !environment.includes(prefix));
    return isOurs ? [at] : [];
  });
}
