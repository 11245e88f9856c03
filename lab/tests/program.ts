/** Starts rotate-ca as a user would, as a program of its own, and listens to what it says with `-o json`. */

import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Failure } from '../../src/domain/errors.js';
import type { Fact } from '../../src/domain/run/facts.js';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist', 'cli', 'main.js');

/** A fact with the instant at which it was written, in ms since the epoch. */
export interface TimedFact {
  readonly atMs: number;
  readonly fact: Fact;
}

export interface Ended {
  /** Exit code; undefined if a signal ended it. */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly facts: readonly TimedFact[];
  /** Of the objects Failures and RunState. */
  readonly failures: readonly Failure[];
  readonly said: string;
  /** Peak resident memory. */
  readonly peakRssMiB: number;
  readonly seconds: number;
}

export interface Running {
  readonly pid: number;
  /** Called with every fact from now on, in order. */
  onFact(listener: (timed: TimedFact) => void): void;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

export interface Invocation {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Gets everything that it says. */
  readonly logFile: string;
}

/** Should this process be killed, the program dies with it: nothing goes on changing the lab behind the back of the next test. */
export function startProgram({ args, env, logFile }: Invocation): Running {
  const startedAt = performance.now();
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, program, ...args, '-o', 'json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', USER: 'sre-on-call', ...env },
  });
  const log = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  log.write(`$ rotate-ca ${args.join(' ')}\n`);
  const facts: TimedFact[] = [];
  const failures: Failure[] = [];
  const said: string[] = [];
  const listeners: ((timed: TimedFact) => void)[] = [];
  let garbled: unknown;
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.write(`${line}\n`);
    let heard: ReturnType<typeof readLine>;
    try {
      heard = readLine(line);
    } catch (error) {
      garbled = error;
      return;
    }
    failures.push(...heard.failures);
    if (heard.timed === undefined) return;
    facts.push(heard.timed);
    for (const listener of listeners) listener(heard.timed);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.write(`${line}\n`);
    said.push(line);
  });
  let peakRssMiB = 0;
  const memory = setInterval(() => {
    peakRssMiB = Math.max(peakRssMiB, peakOf(child.pid));
  }, 250);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearInterval(memory);
      log.end(`[exit ${code ?? signal}]\n`);
      // One that was killed may have been in the middle of a line.
      if (garbled !== undefined && signal === null) reject(garbled);
      const seconds = (performance.now() - startedAt) / 1000;
      resolve({ code: code ?? undefined, signal: signal ?? undefined, facts, failures, said: said.join('\n'), peakRssMiB, seconds });
    });
  });
  return { pid: child.pid ?? 0, onFact: (listener) => void listeners.push(listener), kill: (signal) => void child.kill(signal), ended };
}

export function runProgram(invocation: Invocation): Promise<Ended> {
  return startProgram(invocation).ended;
}

interface SaidObject {
  readonly kind?: string;
  readonly at?: string;
  readonly fact?: Fact;
  readonly failures?: readonly Failure[];
}

function readLine(line: string): { timed?: TimedFact; failures: readonly Failure[] } {
  let said: SaidObject;
  try {
    said = JSON.parse(line) as SaidObject;
  } catch {
    throw new Error(`with -o json, rotate-ca wrote a line that is no JSON: ${line.slice(0, 200)}`);
  }
  if (said.kind === 'Fact' && said.fact !== undefined && said.at !== undefined) return { timed: { atMs: Date.parse(said.at), fact: said.fact }, failures: [] };
  return { failures: said.kind === 'Failures' || said.kind === 'RunState' ? (said.failures ?? []) : [] };
}

/** The kernel keeps the highest value itself: a look now and then misses nothing but the last quarter of a second. */
function peakOf(pid: number | undefined): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid ?? 0}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}
