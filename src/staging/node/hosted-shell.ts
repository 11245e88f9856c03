/** Starts the scripts of nodes through a small process beside this one, the script host: one for all nodes of this process, as long as there are any. */

import type { ChildProcess } from 'node:child_process';
import { type Duplex, Writable } from 'node:stream';
import { forkModule, linkDescriptor } from '../fork-module.js';
import { frameReader, inputWindow, type ScriptEnd, type ScriptOrder, writeFrame } from './script-messages.js';

export interface ScriptListener {
  output(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  /** What its programs write to descriptor 8. */
  calls(chunk: Buffer): void;
}

export interface HostedScript {
  /** Writing waits while much is on its way; what a script does not read is dropped when it ends. */
  readonly stdin: Writable;
  /** Resolves when it has ended and all its outputs are closed. Rejects if the script host is gone. */
  readonly ended: Promise<ScriptEnd>;
  /** Reaches all that it started, too. Does nothing if it has ended. */
  signal(name: string): void;
  /** Its process group and session; undefined until it runs. */
  readonly group: number | undefined;
}

export interface HostedShell {
  /** Starts /bin/sh. The host is started with the first script, and with the next one after it has died. */
  start(order: ScriptOrder, listener: ScriptListener): HostedScript;
  /** When all are released the host is ended, and what still runs is killed. Resolves when nothing is left of it. */
  release(): Promise<void>;
}

interface Running {
  readonly listener: ScriptListener;
  group?: number;
  /** Input that the host has not told of yet. */
  onItsWay: number;
  /** Lets the writer go on. */
  goOn?: (() => void) | undefined;
  settle(end: ScriptEnd): void;
  fail(error: Error): void;
}

interface Host {
  readonly link: Duplex;
  readonly running: Map<number, Running>;
  /** Resolves when its process is gone. */
  readonly gone: Promise<void>;
  end(): void;
}

let users = 0;
let host: Host | undefined;
let lastScript = 0;

const endMs = 3_000;
/** It holds little, and the less it holds the faster it starts a program. */
const hostOptions = ['--max-semi-space-size=1'];

export function hostedShell(): HostedShell {
  users += 1;
  let isReleased = false;
  return {
    start,
    async release() {
      if (isReleased) return;
      isReleased = true;
      users -= 1;
      if (users > 0 || host === undefined) return;
      const { end, gone } = host;
      host = undefined;
      end();
      await gone;
    },
  };
}

function start(order: ScriptOrder, listener: ScriptListener): HostedScript {
  host ??= startHost();
  const { link, running } = host;
  const id = ++lastScript;
  let script: Running | undefined;
  const ended = new Promise<ScriptEnd>((settle, fail) => {
    script = { listener, onItsWay: 0, settle, fail };
    running.set(id, script);
  });
  writeFrame(link, 'start', id, JSON.stringify(order));
  const stdin = new Writable({
    write(chunk: Buffer, _, done) {
      const one = running.get(id);
      if (one === undefined) return done();
      writeFrame(link, 'input', id, chunk);
      one.onItsWay += chunk.length;
      if (one.onItsWay < inputWindow) done();
      else one.goOn = done;
    },
    final(done) {
      if (running.has(id)) writeFrame(link, 'inputEnd', id);
      done();
    },
  });
  return {
    stdin,
    ended,
    signal: (name) => {
      if (running.has(id)) writeFrame(link, 'signal', id, name);
    },
    get group() {
      return script?.group;
    },
  };
}

function startHost(): Host {
  const child = forkModule(new URL('./script-host.js', import.meta.url), hostOptions, { hasLink: true });
  const running = new Map<number, Running>();
  const gone = whenGone(child, running);
  const link = child.stdio[linkDescriptor] as unknown as Duplex | undefined;
  if (link === undefined) throw new Error('no process can be started for the scripts of nodes');
  link.on('error', () => undefined);
  link.on(
    'data',
    frameReader((kind, id, body) => {
      const script = running.get(id);
      if (script === undefined) return;
      if (kind === 'started') script.group = Number(body.toString('latin1'));
      else if (kind === 'stdout' || kind === 'stderr') script.listener.output(kind, body);
      else if (kind === 'calls') script.listener.calls(body);
      else if (kind === 'taken') takeMore(script, Number(body.toString('latin1')));
      else if (kind === 'ended') {
        running.delete(id);
        script.settle(JSON.parse(body.toString('utf8')) as ScriptEnd);
        takeMore(script, script.onItsWay);
      }
    }),
  );
  const made: Host = { link, running, gone, end: () => end(child, link) };
  void gone.then(() => {
    if (host === made) host = undefined;
  });
  return made;
}

function takeMore(script: Running, taken: number): void {
  script.onItsWay -= taken;
  if (script.onItsWay >= inputWindow) return;
  const { goOn } = script;
  script.goOn = undefined;
  goOn?.();
}

function whenGone(child: ChildProcess, running: Map<number, Running>): Promise<void> {
  let lastWords = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    lastWords = `${lastWords}${chunk.toString('utf8')}`.slice(-2000);
  });
  // When this process ends in haste, nothing outlives it by a moment.
  const endWithUs = (): void => {
    for (const { group } of running.values()) killGroup(group);
    child.kill('SIGKILL');
  };
  process.once('exit', endWithUs);
  return new Promise((resolve) => {
    const end = (how: string): void => {
      process.off('exit', endWithUs);
      for (const script of running.values()) {
        // Nobody else knows of it any more.
        killGroup(script.group);
        script.fail(new Error(`the process that starts the scripts of nodes is gone: ${how}${lastWords === '' ? '' : `: ${lastWords.trim()}`}`));
        takeMore(script, script.onItsWay);
      }
      running.clear();
      resolve();
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) => end(`it ended with ${signal ?? code}`));
  });
}

function killGroup(group: number | undefined): void {
  try {
    if (group !== undefined) process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function end(child: ChildProcess, link: Duplex): void {
  link.end();
  const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
  child.once('close', () => clearTimeout(timer));
}
