/** Runs what sshd would give to the login shell of a node: by sh of this machine, with the node's paths led into its folder. */

import type { Writable } from 'node:stream';
import { type AnswerCall, takeCalls } from './calls.js';
import type { HostedShell } from './hosted-shell.js';
import { isPathList, leadPathList, leadScript, pathStripper } from './node-paths.js';
import type { ScriptAnswer, ScriptOptions } from './staging-node.js';

export interface ScriptPlace {
  readonly shell: HostedShell;
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
  /** Process group and session on this machine; undefined until it runs. */
  readonly group: number | undefined;
}

/** On a terminal both outputs are one, so that they stay in order. A login shell prompts there; job control would need a real one. */
function shellArgs(line: string | undefined, terminal: boolean): readonly string[] {
  if (line === undefined) return terminal ? ['-c', 'exec sh -i +m 2>&1'] : [];
  return ['-c', terminal ? `exec 2>&1\n${line}` : line];
}

export function runScript(line: string | undefined, place: ScriptPlace, options: ScriptOptions): RunningScript {
  const tell = options.onOutput;
  const outputs = { stdout: collect(place.root, tell && ((chunk) => tell('stdout', chunk))), stderr: collect(place.root, tell && ((chunk) => tell('stderr', chunk))) };
  const signal = (name: string): void => script.signal(name);
  const kill = (): void => signal('KILL');
  const calls = takeCalls({ folder: place.calls, root: place.root, signalScript: signal }, place.answer);
  // Before it starts: it is among the processes that it may look at.
  const disappear = place.appear(line === undefined ? ['-sh'] : ['sh', '-c', line], signal);
  const script = place.shell.start(
    { args: shellArgs(line === undefined ? undefined : leadScript(line, place.root), options.terminal === true), cwd: place.cwd, env: place.env },
    { output: (stream, chunk) => outputs[stream].take(chunk), calls: calls.take },
  );
  feed(options.stdin, script.stdin, place.root, line === undefined || /^\s*(?:sudo (?:-\w+ )*)?(?:ba)?sh(?: -s\b.*| -)?\s*$/.test(line));
  return {
    done: follow(),
    kill,
    signal,
    get group() {
      return script.group;
    },
  };

  async function follow(): Promise<ScriptAnswer> {
    if (options.signal.aborted) kill();
    options.signal.addEventListener('abort', kill, { once: true });
    try {
      const end = await script.ended;
      const stdout = outputs.stdout.end();
      const stderr = outputs.stderr.end().toString('utf8');
      if ('error' in end) return { stdout, stderr: `/bin/sh: ${notStarted[end.error] ?? end.error}\n`, exitCode: 1 };
      return { stdout, stderr, exitCode: end.code ?? 128 + (numbers[end.signal ?? ''] ?? 0), ...(end.signal === null ? {} : { signal: end.signal.replace(/^SIG/, '') }) };
    } finally {
      options.signal.removeEventListener('abort', kill);
      disappear();
      calls.clear();
    }
  }
}

// session.c of sshd: perror(shell); exit(1).
const notStarted: Readonly<Record<string, string>> = { E2BIG: 'Argument list too long', ENOENT: 'No such file or directory', EAGAIN: 'Resource temporarily unavailable' };

const numbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/** All output, without the folder's name; or piece by piece as it comes. */
function collect(root: string, tell: ((chunk: Buffer) => void) | undefined): { take(chunk: Buffer): void; end(): Buffer } {
  const stripper = pathStripper(root);
  const kept: Buffer[] = [];
  const give = (chunk: Buffer): void => {
    if (chunk.length === 0) return;
    if (tell === undefined) kept.push(chunk);
    else tell(chunk);
  };
  return {
    take: (chunk) => give(stripper.take(chunk)),
    end() {
      give(stripper.end());
      return Buffer.concat(kept);
    },
  };
}

/** Commands line by line, a list of paths as a whole, anything else as it is. */
function feed(from: NodeJS.ReadableStream, to: Writable, root: string, isScript: boolean): void {
  let held = Buffer.alloc(0);
  let isPassed = false;
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
