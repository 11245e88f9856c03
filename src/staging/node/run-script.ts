/** Runs what sshd would give to the login shell of a node: by sh of this machine, with the node's paths led into its folder. */

import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { type AnswerCall, takeCalls } from './calls.js';
import { isPathList, leadPathList, leadScript, pathStripper } from './node-paths.js';
import type { ScriptAnswer, ScriptOptions } from './staging-node.js';

export interface ScriptPlace {
  readonly root: string;
  /** Folder of this script's calls to programs of the node. */
  readonly calls: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly answer: AnswerCall;
  /** Makes the script visible on the node; returns what takes it away. */
  appear(args: readonly string[], onSignal: (signal: string) => void): () => void;
}

export interface RunningScript {
  readonly done: Promise<ScriptAnswer>;
  /** Ends it and all that it started. */
  kill(): void;
  signal(signal: string): void;
  /** A process of this machine that belongs to the script. */
  readonly group: number;
}

/** On a terminal both outputs are one, so that they stay in order. A login shell prompts there; job control would need a real one. */
function shellArgs(line: string | undefined, terminal: boolean): readonly string[] {
  if (line === undefined) return terminal ? ['-c', 'exec sh -i +m 2>&1'] : [];
  return ['-c', terminal ? `exec 2>&1\n${line}` : line];
}

export function runScript(line: string | undefined, place: ScriptPlace, options: ScriptOptions): RunningScript {
  // Descriptor 8 carries calls of the node's programs to us; those between stay free for scripts.
  const child = spawn('/bin/sh', shellArgs(line === undefined ? undefined : leadScript(line, place.root), options.terminal === true), {
    cwd: place.cwd,
    env: place.env,
    // A session of its own: one signal reaches all of it.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', undefined, undefined, undefined, undefined, undefined, 'pipe'],
  });
  standBack(child);
  const signal = (name: string): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, /^\d+$/.test(name) ? Number(name) : `SIG${name.replace(/^SIG/, '')}`);
    } catch {
      // It has ended.
    }
  };
  const kill = (): void => signal('KILL');
  return { done: follow(child, line, place, options, { kill, signal }), kill, signal, group: child.pid ?? 0 };
}

/** A real node has a processor of its own: here scripts of hundreds of them must not take that of the API servers. */
function standBack({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended, or this machine does not let us.
  }
}

async function follow(
  child: ChildProcess,
  line: string | undefined,
  place: ScriptPlace,
  options: ScriptOptions,
  control: { kill(): void; signal(name: string): void },
): Promise<ScriptAnswer> {
  const disappear = place.appear(line === undefined ? ['-sh'] : ['sh', '-c', line], control.signal);
  const requests = (child.stdio as readonly unknown[])[8] as Readable | undefined;
  const clearCalls = requests === undefined ? () => undefined : takeCalls(requests, { folder: place.calls, root: place.root, signalScript: control.signal }, place.answer);
  const stdout = collect(child.stdout, place.root, (chunk) => options.onOutput?.('stdout', chunk), options.onOutput !== undefined);
  const stderr = collect(child.stderr, place.root, (chunk) => options.onOutput?.('stderr', chunk), options.onOutput !== undefined);
  if (child.stdin !== null) feed(options.stdin, child.stdin, place.root, line === undefined || /^\s*(?:sudo (?:-\w+ )*)?(?:ba)?sh(?: -s\b.*| -)?\s*$/.test(line));
  if (options.signal.aborted) control.kill();
  options.signal.addEventListener('abort', control.kill, { once: true });
  try {
    const { code, ended } = await new Promise<{ code: number | null; ended: NodeJS.Signals | null }>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, ended) => resolve({ code, ended }));
    });
    return {
      stdout: stdout(),
      stderr: stderr().toString('utf8'),
      exitCode: code ?? 128 + (numbers[ended ?? ''] ?? 0),
      ...(ended === null ? {} : { signal: ended.replace(/^SIG/, '') }),
    };
  } finally {
    options.signal.removeEventListener('abort', control.kill);
    disappear();
    clearCalls();
  }
}

const numbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/** All output, without the folder's name; or piece by piece as it comes. */
function collect(stream: Readable | null, root: string, tell: (chunk: Buffer) => void, isTold: boolean): () => Buffer {
  const stripper = pathStripper(root);
  const kept: Buffer[] = [];
  const take = (chunk: Buffer): void => {
    if (chunk.length === 0) return;
    if (isTold) tell(chunk);
    else kept.push(chunk);
  };
  stream?.on('data', (chunk: Buffer) => take(stripper.take(chunk)));
  stream?.on('error', () => undefined);
  return () => {
    take(stripper.end());
    return Buffer.concat(kept);
  };
}

/** Commands line by line, a list of paths as a whole, anything else as it is. */
function feed(from: NodeJS.ReadableStream, to: Writable, root: string, isScript: boolean): void {
  let held = Buffer.alloc(0);
  let isPassed = false;
  // A script that ends without reading its input makes writing fail; what counts is its exit code.
  to.on('error', () => undefined);
  const write = (chunk: Buffer | string): void => {
    if (!to.write(chunk) && 'pause' in from) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  };
  from.on('data', (data: Buffer | string) => {
    const chunk = typeof data === 'string' ? Buffer.from(data) : data;
    if (isPassed) return write(chunk);
    held = Buffer.concat([held, chunk]);
    if (isScript) {
      const end = held.lastIndexOf(0x0a) + 1;
      if (end > 0) write(leadScript(held.subarray(0, end).toString('utf8'), root));
      held = Buffer.from(held.subarray(end));
    } else if (held[0] !== slash || held.length > longestPathList) {
      isPassed = true;
      write(held);
      held = Buffer.alloc(0);
    }
  });
  from.once('end', () => {
    if (held.length > 0) {
      const text = held.toString('utf8');
      to.write(isScript ? leadScript(text, root) : isPathList(text) ? leadPathList(text, root) : held);
    }
    to.end();
  });
  from.once('error', () => to.end());
  from.once('close', () => to.end());
}

const slash = 0x2f;
const longestPathList = 256 * 1024;
