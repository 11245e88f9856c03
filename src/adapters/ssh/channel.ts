/** Runs one command line over a connection: input, output up to a limit, exit code, and an end when the signal is raised. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientChannel } from 'ssh2';
import { failure, RotationError } from '../../domain/errors.js';
import type { Connection } from './connection.js';

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface CommandLine {
  readonly line: string;
  /** Ends on the node what `line` began; run when the signal is raised. */
  readonly killLine: string;
  /** For messages: "reading /etc/hosts". */
  readonly what: string;
  readonly stdin?: Uint8Array;
  readonly signal: AbortSignal;
  /** The host as the operator names it. */
  readonly node: string;
}

/** More than this of standard output, or of standard error, is not kept: the command is ended. */
export const outputLimitBytes = 64 * 1024 * 1024;

// After our CLOSE, sshd answers only when the command is gone; the place in the queue is given free at the latest then.
const closeGraceMs = 5_000;

/** Throws ssh-lost if the line is cut while the command runs, command-failed if there is too much output, and the reason of the signal. */
export async function runOver(connection: Connection, command: CommandLine): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(command.signal.reason);
    command.signal.addEventListener('abort', onAbort, { once: true });
    let again = false;
    let refusedAlone = 0;
    const takeTurn = async (): Promise<void> => {
      // Its turn came too late: nothing has been started.
      if (command.signal.aborted) {
        return;
      }
      try {
        await occupy(connection, command, resolve, reject);
      } catch (error) {
        if (!(error instanceof SessionRefused)) {
          throw error;
        }
        const others = connection.channels.activeCount - 1;
        refusedAlone += others < 1 ? 1 : 0;
        // May be chance: the others have ended for us, and a busy sshd has not freed their sessions yet.
        if (refusedAlone > 5) {
          throw refused(command, error);
        }
        await sleep(100 * refusedAlone);
        // A host with a smaller MaxSessions: it runs as many as it takes, and this one waits for its turn again.
        connection.channels.concurrency = Math.max(1, Math.min(connection.channels.concurrency, others));
        again = true;
      }
    };
    const queue = async (): Promise<void> => {
      do {
        again = false;
        await connection.channels(takeTurn);
      } while (again);
    };
    queue()
      .catch(reject)
      .finally(() => command.signal.removeEventListener('abort', onAbort));
    if (command.signal.aborted) {
      onAbort();
    }
  });
}

// Settles when the channel is free again; the outcome is told through resolve and reject, which may come earlier.
async function occupy(connection: Connection, command: CommandLine, resolve: (outcome: Outcome) => void, reject: (error: unknown) => void): Promise<void> {
  const { channel, exitCode } = await openChannel(connection, command);
  await new Promise<void>((free) => {
    const stdout = collect(channel, tooMuch);
    const stderr = collect(channel.stderr, tooMuch);
    const stop = (): void => {
      try {
        channel.close();
        // Nobody waits for it: if it does not get through, the node ends the script by itself soon after the deadline.
        connection.client.exec(command.killLine, (_error, killing) =>
          killing
            ?.on('error', () => undefined)
            .end()
            .resume()
            .stderr.resume(),
        );
      } catch {
        // The connection is gone already, and 'close' follows.
      }
      setTimeout(free, closeGraceMs).unref();
    };
    function tooMuch(): void {
      reject(
        new RotationError(
          failure('command-failed', {
            target: command.node,
            summary: `More than ${outputLimitBytes / 1024 / 1024} MiB of output: ${command.what}`,
            cause: 'no command of a step has so much to say',
            nextAction: 'Report this as a defect of rotate-ca',
          }),
        ),
      );
      stop();
    }
    // A command that ends without reading its input makes writing fail; what counts is its exit code.
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
    channel.on('close', () => {
      command.signal.removeEventListener('abort', stop);
      const code = exitCode();
      if (code === undefined) {
        reject(lost(connection, command));
      } else {
        resolve({ exitCode: code, stdout: stdout(), stderr: stderr() });
      }
      free();
    });
    command.signal.addEventListener('abort', stop, { once: true });
    if (command.signal.aborted) {
      stop();
      return;
    }
    channel.end(command.stdin === undefined ? undefined : Buffer.from(command.stdin));
  });
}

interface OpenedChannel {
  readonly channel: ClientChannel;
  /** Undefined until the node has told it. */
  exitCode(): number | undefined;
}

async function openChannel(connection: Connection, command: CommandLine): Promise<OpenedChannel> {
  return new Promise((resolve, reject) => {
    // On a cut line ssh2 does not always call back.
    const forget = connection.onLost(() => reject(lost(connection, command)));
    try {
      connection.client.exec(command.line, (error, channel) => {
        forget();
        if (!error) {
          // Listened to at once and not after a promise: on a busy machine the command's whole life, its exit too, comes in one
          // piece with the answer to exec, and an exit that nobody heard looks like a lost connection.
          let exitCode: number | undefined;
          channel.on('exit', (code: number | null, signal?: string) => {
            exitCode = code ?? 128 + (signalNumbers[(signal ?? '').replace(/^SIG/, '')] ?? 0);
          });
          resolve({ channel, exitCode: () => exitCode });
        } else if ('reason' in error) {
          reject(new SessionRefused(error.message));
        } else {
          reject(lost(connection, command));
        }
      });
    } catch {
      reject(lost(connection, command));
    }
  });
}

class SessionRefused extends Error {}

function refused(command: CommandLine, error: SessionRefused): RotationError {
  return new RotationError(
    failure('ssh-unreachable', {
      target: command.node,
      summary: `The host opens no session: ${command.what}`,
      cause: error.message,
      nextAction: 'Check MaxSessions in its sshd_config: it must be at least 1, better 10',
      retryable: true,
    }),
  );
}

function collect(stream: NodeJS.ReadableStream, tooMuch: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= outputLimitBytes) {
      chunks.push(chunk);
    } else if (size - chunk.length <= outputLimitBytes) {
      tooMuch();
    }
  });
  return () => Buffer.concat(chunks);
}

function lost(connection: Connection, command: CommandLine): RotationError {
  return new RotationError(
    failure('ssh-lost', {
      target: command.node,
      summary: `The SSH connection was lost: ${command.what}`,
      cause: `${connection.lossReason()}; whether it ended on the node is not known`,
      nextAction: 'Run "rotate-ca resume": it looks first what was done',
      retryable: true,
    }),
  );
}

const signalNumbers: Readonly<Record<string, number>> = { HUP: 1, INT: 2, QUIT: 3, ILL: 4, ABRT: 6, FPE: 8, KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13, ALRM: 14, TERM: 15 };
