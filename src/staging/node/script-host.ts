/**
 * The process that starts the scripts of nodes. To start a program means to copy the process that does it: this one is small, and that of
 * staging holds all API servers. It ends with the staging process, in whatever way that ends, and its scripts with it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { constants, setPriority } from 'node:os';
import type { Readable } from 'node:stream';
import { linkDescriptor } from '../fork-module.js';
import { type FrameKind, frameReader, inputStep, type ScriptEnd, type ScriptOrder, writeFrame } from './script-messages.js';

interface Script {
  readonly child: ChildProcess;
  /** Input that was taken and not told yet. */
  taken: number;
}

const link = new Socket({ fd: linkDescriptor, readable: true, writable: true });
const scripts = new Map<number, Script>();
/** Outputs that wait until the staging process has read what is on its way. */
const held = new Set<Readable>();

function start(id: number, { args, cwd, env }: ScriptOrder): void {
  let child: ChildProcess;
  try {
    child = spawn('/bin/sh', args, {
      cwd,
      env,
      // A session of its own: one signal reaches all of it.
      detached: true,
      // Descriptor 8 carries calls of the node's programs; those between stay free for scripts.
      stdio: ['pipe', 'pipe', 'pipe', undefined, undefined, undefined, undefined, undefined, 'pipe'],
    });
  } catch (error) {
    end(id, { error: codeOf(error) });
    return;
  }
  scripts.set(id, { child, taken: 0 });
  child.once('error', (error) => end(id, { error: codeOf(error) }));
  // Of one that could not be started it comes, too.
  child.once('close', (code, signal) => {
    if (scripts.has(id)) end(id, { code, signal });
  });
  if (child.pid === undefined) return;
  standBack(child.pid);
  writeFrame(link, 'started', id, String(child.pid));
  // A script that ends without reading its input makes writing fail; what counts is its exit code.
  child.stdin?.on('error', () => undefined);
  relay(child.stdout, 'stdout', id);
  relay(child.stderr, 'stderr', id);
  relay((child.stdio as readonly unknown[])[8] as Readable | null, 'calls', id);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** A real node has a processor of its own: here scripts of hundreds of them must not take that of the API servers. */
function standBack(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended, or this machine does not let us.
  }
}

function relay(from: Readable | null, kind: FrameKind, id: number): void {
  from?.on('error', () => undefined);
  from?.on('data', (chunk: Buffer) => {
    if (writeFrame(link, kind, id, chunk)) return;
    from.pause();
    held.add(from);
  });
}

function end(id: number, how: ScriptEnd): void {
  scripts.delete(id);
  writeFrame(link, 'ended', id, JSON.stringify(how));
}

function take(id: number, input: Buffer): void {
  const script = scripts.get(id);
  script?.child.stdin?.write(input, () => {
    script.taken += input.length;
    if (script.taken < inputStep) return;
    writeFrame(link, 'taken', id, String(script.taken));
    script.taken = 0;
  });
}

function signal(pid: number | undefined, name: string): void {
  try {
    if (pid !== undefined) process.kill(-pid, /^\d+$/.test(name) ? Number(name) : `SIG${name.replace(/^SIG/, '')}`);
  } catch {
    // It has ended.
  }
}

link.on(
  'data',
  frameReader((kind, id, body) => {
    if (kind === 'start') start(id, JSON.parse(body.toString('utf8')) as ScriptOrder);
    else if (kind === 'input') take(id, body);
    else if (kind === 'inputEnd') scripts.get(id)?.child.stdin?.end();
    else if (kind === 'signal') signal(scripts.get(id)?.child.pid, body.toString('utf8'));
  }),
);
link.on('drain', () => {
  for (const output of held) output.resume();
  held.clear();
});
link.on('error', () => undefined);
link.on('close', () => {
  for (const { child } of scripts.values()) signal(child.pid, 'KILL');
  process.exit(0);
});
