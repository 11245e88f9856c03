/** Files of a node into a checkpoint and back, byte for byte with mode, owner and label. */

import { Secret } from '../domain/secret.js';
import type { SavedFile } from '../ports/checkpoints.js';
import type { FileContent, NodeShell } from '../ports/node-shell.js';

interface Limits {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** Reads files for a checkpoint, the absent ones too: undo removes what was not there. */
export async function saveFiles(shell: NodeShell, paths: readonly string[], limits: Limits): Promise<SavedFile[]> {
  const found = await shell.readFiles(paths, limits);
  return paths.map((path) => {
    const file = found.get(path);
    return file === undefined ? { path, existed: false } : savedFile(path, file);
  });
}

function savedFile(path: string, file: FileContent): SavedFile {
  const label = file.label === undefined ? {} : { label: file.label };
  const link = file.linkTo === undefined ? {} : { linkTo: file.linkTo };
  return {
    path,
    existed: true,
    bytesBase64: Buffer.from(file.bytes).toString('base64'),
    mode: file.mode,
    uid: file.uid,
    gid: file.gid,
    ...label,
    ...link,
  };
}

/** Puts saved files back, whatever is there now. Files that are already as saved are left alone, so a second undo changes nothing. */
export async function restoreFiles(shell: NodeShell, saved: readonly SavedFile[], limits: Limits): Promise<void> {
  const present = await shell.readFiles(
    saved.map((s) => s.path),
    limits,
  );
  for (const file of saved) {
    const now = present.get(file.path);
    if (!file.existed) {
      if (now !== undefined) await shell.removeFile(file.path, limits);
    } else if (file.linkTo !== undefined) {
      if (now?.linkTo !== file.linkTo) await shell.replaceLink(file.path, file.linkTo, limits);
    } else if (now === undefined || now.linkTo !== undefined || !sameAs(now, file)) {
      await shell.replaceFile(file.path, contentOf(file), limits);
    }
  }
}

function sameAs(now: FileContent, file: SavedFile): boolean {
  return Buffer.from(now.bytes).toString('base64') === file.bytesBase64 && now.mode === file.mode && now.uid === file.uid && now.gid === file.gid && now.label === file.label;
}

function contentOf(file: SavedFile): Parameters<NodeShell['replaceFile']>[1] {
  const label = file.label === undefined ? {} : { label: file.label };
  return {
    bytes: new Secret(Buffer.from(file.bytesBase64 ?? '', 'base64')),
    mode: file.mode ?? '0600',
    uid: file.uid ?? 0,
    gid: file.gid ?? 0,
    ...label,
  };
}

/** Text of a saved file, for kinds that compare with what was before. */
export function savedText(saved: readonly SavedFile[], path: string): string | undefined {
  const file = saved.find((s) => s.path === path);
  return file?.bytesBase64 === undefined ? undefined : Buffer.from(file.bytesBase64, 'base64').toString('utf8');
}

interface Attributes {
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
}

/** Replaces the content of a file and keeps its owner, mode and label. A file that already holds these bytes is not touched. `attributes`: for one that is not there. */
export async function rewriteFile(shell: NodeShell, path: string, text: string, attributes: Attributes, limits: Limits): Promise<void> {
  await rewriteSeen(shell, path, text, (await shell.readFile(path, limits)) ?? attributes, limits);
}

/** As rewriteFile, for a file that the caller has just read: it is not read again. */
export async function rewriteSeen(shell: NodeShell, path: string, text: string, seen: FileContent | Attributes, limits: Limits): Promise<void> {
  const bytes = Buffer.from(text);
  if ('bytes' in seen && bytes.equals(seen.bytes)) return;
  const { mode, uid, gid } = seen;
  const label = 'label' in seen && seen.label !== undefined ? { label: seen.label } : {};
  await shell.replaceFile(path, { bytes: new Secret(bytes), mode, uid, gid, ...label }, limits);
}

/** Text of a file that was read; undefined if it is not there. */
export function textOf(file: FileContent): string;
export function textOf(file: FileContent | undefined): string | undefined;
export function textOf(file: FileContent | undefined): string | undefined {
  return file === undefined ? undefined : Buffer.from(file.bytes).toString('utf8');
}
