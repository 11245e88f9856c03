/** The staging cluster of a rehearsal as a process of its own, so that engine and cluster do not share an event loop. */

import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Failure, fail, failuresOf, RotationError } from '../domain/errors.js';
import { forkModule } from '../staging/fork-module.js';
import type { Call, CallName, Calls, Reply, Started } from '../staging/messages.js';
import { makeOwnedFolder, removeAbandoned, takeOver } from '../staging/owned-folder.js';
import type { ClusterSpec } from '../staging/spec.js';

export interface StagingProcess {
  readonly folder: string;
  readonly started: Started;
  readonly pid: number;
  /** Throws what it threw there; a defect if it has ended. */
  ask<Name extends CallName>(call: Name, args: Calls[Name]['args']): Promise<Calls[Name]['result']>;
  /** Ends it and removes its folder. May be called again. */
  stop(): Promise<void>;
}

const stopMs = 8_000;
/** Servers make short-lived objects: with room for them (MiB) the collector runs a fourth as often. */
const stagingOptions = ['--max-semi-space-size=32'];

/**
 * Starts a staging cluster, and first removes what killed ones have left behind. Throws usage for a port that is taken (retryable: in another
 * block it may not be) and for a temporary folder that cannot be used, disk-full, and interrupted when the signal is raised; in each case nothing is left.
 */
export async function startStagingProcess(options: { readonly spec: ClusterSpec; readonly speed: number; readonly signal: AbortSignal }): Promise<StagingProcess> {
  removeAbandoned();
  const folder = newFolder();
  const child = forkModule(new URL('../staging/main.js', import.meta.url), stagingOptions);
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: unknown): void }>();
  let last = 0;
  let ended: string | undefined;
  let lastWords = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    lastWords = `${lastWords}${chunk.toString('utf8')}`.slice(-2000);
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', (code, signal) => {
      ended = `it ended with ${signal ?? code}${lastWords === '' ? '' : `: ${lastWords.trim()}`}`;
      for (const { reject } of waiting.values()) reject(goneBy(ended));
      waiting.clear();
      resolve();
    });
  });
  child.on('message', (reply: Reply) => {
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ('error' in reply) asked?.reject(reply.failures === undefined ? translated(reply.error, folder) : new RotationError(reply.failures as Failure[]));
    else asked?.resolve(reply.result);
  });

  const goneBy = (words: string): Error => translated(`the staging cluster is gone: ${words}`, folder);

  function ask<Name extends CallName>(call: Name, args: Calls[Name]['args']): Promise<Calls[Name]['result']> {
    return new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(goneBy(ended));
      last += 1;
      waiting.set(last, { resolve: resolve as (result: unknown) => void, reject });
      const message: Call<Name> = { id: last, call, args };
      child.send(message, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  async function stop(): Promise<void> {
    if (ended === undefined) {
      ask('stop', {}).catch(() => undefined);
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await gone;
      clearTimeout(timer);
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }

  try {
    takeOver(folder, child.pid ?? process.pid);
    const interrupted = new Promise<never>((_, reject) => {
      const onAbort = (): void => reject(interruption());
      if (options.signal.aborted) onAbort();
      else options.signal.addEventListener('abort', onAbort, { once: true });
    });
    interrupted.catch(() => undefined);
    const started = await Promise.race([ask('start', { spec: options.spec, folder, speed: options.speed }), interrupted]);
    return { folder, started, pid: child.pid ?? 0, ask, stop };
  } catch (error) {
    await stop();
    throw failuresOf(error) === undefined && error instanceof Error ? translated(error.stack ?? error.message, folder) : error;
  }
}

function newFolder(): string {
  try {
    return makeOwnedFolder();
  } catch (error) {
    throw translated(error instanceof Error ? error.message : String(error), tmpdir());
  }
}

/** What Ctrl-C ends a rehearsal with, wherever it was. */
export function interruption(): RotationError {
  return new RotationError({
    code: 'interrupted',
    target: 'rehearsal',
    summary: 'the rehearsal was interrupted',
    cause: '',
    nextAction: 'Nothing is left of it. Start it again.',
    retryable: false,
  });
}

/** What a machine can lack is the operator's to mend; anything else is a defect of ours. */
function translated(text: string, where: string): Error {
  const port = /EADDRINUSE[^\n]*?(127\.\d+\.\d+\.\d+:\d+)/.exec(text)?.[1];
  try {
    if (port !== undefined) {
      fail('usage', {
        target: port,
        summary: 'a port of the staging cluster is taken',
        cause: 'another program listens there',
        nextAction: 'See who it is with "ss -ltnp", end it, and run the command again.',
        retryable: true,
      });
    }
    if (/ENOSPC|EDQUOT/.test(text)) {
      fail('disk-full', {
        target: where,
        summary: 'the temporary folder is full',
        cause: lineWith(/ENOSPC|EDQUOT/, text),
        nextAction: 'Make room there, or set TMPDIR to a folder that has some. Nothing is left of this rehearsal.',
      });
    }
    if (/EACCES|EROFS|ENOENT|ENOTDIR/.test(text) && /mkdtemp/.test(text)) {
      fail('usage', {
        target: where,
        summary: 'no folder can be made for the staging cluster',
        cause: text.split('\n')[0] ?? '',
        nextAction: 'Set TMPDIR to a folder in which you may write.',
      });
    }
  } catch (error) {
    return error as Error;
  }
  return new Error(text);
}

function lineWith(pattern: RegExp, text: string): string {
  return (text.split('\n').find((line) => pattern.test(line)) ?? '').trim();
}
