import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';

/** What a finished command left behind. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Deadline; the command is killed when it passes. Default: two minutes. */
  readonly timeoutMs?: number;
  /** Return a non-zero exit instead of throwing. */
  readonly allowFailure?: boolean;
  /** Also append both streams to this file. */
  readonly logFile?: string;
}

/** A command that ended with a non-zero exit, was killed, or did not start. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly result: CommandResult;

  constructor(what: string, result: CommandResult) {
    const output = `${result.stderr.trim()}\n${result.stdout.trim()}`.trim().split('\n').slice(-25).join('\n');
    super(`${what}: exit ${result.code}${output === '' ? '' : `\n${output}`}`);
    this.result = result;
  }
}

const defaultTimeoutMs = 120_000;

/** Runs a program with an argument array (never through a shell) and collects what it writes. */
export async function runCommand(program: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const log = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
  const collect = (stream: NodeJS.ReadableStream): Buffer[] => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      log?.write(chunk);
    });
    return chunks;
  };
  const stdout = child.stdout === null ? [] : collect(child.stdout);
  const stderr = child.stderr === null ? [] : collect(child.stderr);
  if (child.stdin !== null) {
    // A program that ends before it has read everything is judged by its exit, not by the broken pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
  }

  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const ended = await new Promise<{ code: number; note: string }>((resolve) => {
    child.once('error', (error) => resolve({ code: 127, note: error.message }));
    child.once('close', (code, signal) => resolve({ code: code ?? 128, note: signal === null ? '' : `ended by ${signal}` }));
  });
  clearTimeout(timer);
  log?.end();

  const note = timedOut ? `not finished after ${timeoutMs / 1000} s` : ended.note;
  const result: CommandResult = {
    code: ended.code,
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: `${Buffer.concat(stderr).toString('utf8')}${note}`,
  };
  if (result.code !== 0 && options.allowFailure !== true) {
    throw new CommandFailed([program, ...args.slice(0, 6)].join(' ').slice(0, 300), result);
  }
  return result;
}

/** Standard output of a command that must succeed, without the last line break. */
export async function outputOf(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return (await runCommand(program, args, options)).stdout.trimEnd();
}

/** Whether a command ends with exit 0. */
export async function succeeds(program: string, args: readonly string[], options: CommandOptions = {}): Promise<boolean> {
  return (await runCommand(program, args, { ...options, allowFailure: true })).code === 0;
}
