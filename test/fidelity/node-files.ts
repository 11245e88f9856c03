/** Files of nodes, changed for a moment: owner, mode and content of before come back. */

import type { Undo } from './behaviour.js';
import { callMs, type World } from './world.js';

export async function textOf(world: World, node: string, path: string): Promise<string> {
  const file = await world.shell(node).readFile(path, { deadlineMs: callMs });
  if (file === undefined) throw new Error(`${node} has no ${path}`);
  return Buffer.from(file.bytes).toString('utf8');
}

/** Replaces a file by rename, as the engine does, and puts it back when the behaviour is over. */
export async function changeFile(world: World, undo: Undo, at: { readonly node: string; readonly path: string }, change: (text: string) => string): Promise<void> {
  const shell = world.shell(at.node);
  const before = await shell.readFile(at.path, { deadlineMs: callMs });
  if (before === undefined) throw new Error(`${at.node} has no ${at.path}`);
  undo.add(`${at.path} on ${at.node}`, () => shell.replaceFile(at.path, before, { deadlineMs: callMs }));
  const bytes = Buffer.from(change(Buffer.from(before.bytes).toString('utf8')), 'utf8');
  await shell.replaceFile(at.path, { ...before, bytes }, { deadlineMs: callMs });
}

/** Writes what is there already changed by `changeFile` once more, without an undo of its own. */
export async function writeAgain(world: World, at: { readonly node: string; readonly path: string }, text: string): Promise<void> {
  const shell = world.shell(at.node);
  const before = await shell.readFile(at.path, { deadlineMs: callMs });
  if (before === undefined) throw new Error(`${at.node} has no ${at.path}`);
  await shell.replaceFile(at.path, { ...before, bytes: Buffer.from(text, 'utf8') }, { deadlineMs: callMs });
}

/** A file that was not there before, and is gone afterwards. */
export async function addFile(world: World, undo: Undo, at: { readonly node: string; readonly path: string; readonly mode?: string }, text: string): Promise<void> {
  const shell = world.shell(at.node);
  undo.add(`${at.path} on ${at.node} is removed`, () => shell.removeFile(at.path, { deadlineMs: callMs }));
  await shell.replaceFile(at.path, { bytes: Buffer.from(text, 'utf8'), mode: at.mode ?? '0600', uid: 0, gid: 0 }, { deadlineMs: callMs });
}
