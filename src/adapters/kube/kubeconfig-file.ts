/** Reads kubeconfig files as kubectl does, and knows the line of everything it found. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMap, isNode, isSeq, LineCounter, parseDocument } from 'yaml';
import { fail } from '../../domain/errors.js';

export interface Entry {
  readonly name: string;
  /** file:line:column. */
  readonly at: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Kubeconfigs {
  readonly files: readonly string[];
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly currentContext: string | undefined;
}

/** Where the kubeconfig is: a path or colon list that was asked for, KUBECONFIG, ~/.kube/config. Of KUBECONFIG, files that are missing are left out, as kubectl does. */
export function findKubeconfigs(asked: string | undefined, env: NodeJS.ProcessEnv): { files: readonly string[]; mayBeMissing: boolean } {
  if (asked !== undefined && asked !== '') return { files: split(asked), mayBeMissing: false };
  const listed = split(env.KUBECONFIG ?? '');
  if (listed.length > 0) return { files: listed, mayBeMissing: true };
  return { files: [path.join(env.HOME ?? '/root', '.kube', 'config')], mayBeMissing: false };
}

function split(list: string): string[] {
  return list.split(path.delimiter).filter((file) => file !== '');
}

/**
 * Merges: of two entries of one name, and of two current contexts, the first wins (kubernetes.io, "Merging kubeconfig
 * files"). client-node 1.4 throws on the former and takes the last of the latter, so this is not left to it.
 */
export function readKubeconfigs(files: readonly string[], options: { mayBeMissing: boolean }): Kubeconfigs {
  const read: string[] = [];
  const clusters = new Map<string, Entry>();
  const users = new Map<string, Entry>();
  const contexts = new Map<string, Entry>();
  let currentContext: string | undefined;
  for (const file of files) {
    const text = readText(file, options.mayBeMissing);
    if (text === undefined) continue;
    read.push(file);
    const one = parseKubeconfig(file, text);
    for (const [into, entries] of [
      [clusters, one.clusters],
      [users, one.users],
      [contexts, one.contexts],
    ] as const) {
      for (const entry of entries) if (!into.has(entry.name)) into.set(entry.name, entry);
    }
    currentContext ??= one.currentContext;
  }
  if (read.length === 0) refuseFile(files.join(path.delimiter), 'None of the files exists', 'ENOENT');
  return { files: read, clusters, users, contexts, currentContext };
}

function readText(file: string, mayBeMissing: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (code === 'ENOENT' && mayBeMissing) return undefined;
    return refuseFile(file, 'The kubeconfig cannot be read', code);
  }
}

function refuseFile(target: string, summary: string, cause: string): never {
  fail('kubeconfig-invalid', { target, summary, cause, nextAction: 'Name a readable one with --kubeconfig FILE or in KUBECONFIG' });
}

interface OneFile {
  readonly clusters: readonly Entry[];
  readonly users: readonly Entry[];
  readonly contexts: readonly Entry[];
  readonly currentContext: string | undefined;
}

/** Throws kubeconfig-invalid with file:line:column. Never the parser's own words: they quote the file, and the file holds keys. */
export function parseKubeconfig(file: string, text: string): OneFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  function place(offset: number | undefined): string {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }
  function refuse(offset: number | undefined, cause: string): never {
    const at = place(offset);
    fail('kubeconfig-invalid', { target: at, summary: 'The kubeconfig is not valid', cause, nextAction: `Correct it at ${at}, or name another with --kubeconfig` });
  }
  const broken = document.errors[0];
  if (broken !== undefined) refuse(broken.pos[0], `the YAML is broken (${broken.code.toLowerCase().replaceAll('_', ' ')})`);
  const root = document.contents;
  if (!isMap(root)) refuse(root?.range?.[0], 'it is not a mapping with clusters, users and contexts');

  function entries(list: string, bodyKey: string): Entry[] {
    const node = root !== null && isMap(root) ? root.get(list, true) : undefined;
    if (node === undefined) return [];
    // `users: null` and `users: []` are what "kubectl config" writes for none.
    if (isNode(node) && node.toJS(document) === null) return [];
    if (!isSeq(node)) return refuse(isNode(node) ? node.range?.[0] : undefined, `"${list}" is not a list`);
    return node.items.map((item) => {
      const offset = isNode(item) ? item.range?.[0] : undefined;
      if (!isMap(item)) return refuse(offset, `"${list}" has an entry that is not a mapping`);
      const { name, [bodyKey]: body } = item.toJS(document) as Record<string, unknown>;
      if ((typeof name !== 'string' && typeof name !== 'number') || name === '') return refuse(offset, `an entry of "${list}" has no name`);
      if (body !== null && body !== undefined && (typeof body !== 'object' || Array.isArray(body))) {
        return refuse(offset, `"${bodyKey}" of "${name}" is not a mapping`);
      }
      return { name: String(name), at: place(offset), body: withAbsolutePaths(file, (body ?? {}) as Record<string, unknown>) };
    });
  }

  const current = root !== null && isMap(root) ? root.get('current-context') : undefined;
  return {
    clusters: entries('clusters', 'cluster'),
    users: entries('users', 'user'),
    contexts: entries('contexts', 'context'),
    currentContext: typeof current === 'string' && current !== '' ? current : typeof current === 'number' ? String(current) : undefined,
  };
}

/** Paths in a kubeconfig are relative to its folder; so is an exec command with a slash in it. client-node 1.4 does the former, but not for tokenFile. */
function withAbsolutePaths(file: string, body: Record<string, unknown>): Record<string, unknown> {
  const folder = path.dirname(path.resolve(file));
  const absolute = { ...body };
  for (const key of ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile']) {
    const value = absolute[key];
    if (typeof value === 'string' && value !== '') absolute[key] = path.resolve(folder, value);
  }
  const exec = absolute.exec;
  if (typeof exec === 'object' && exec !== null && 'command' in exec && typeof exec.command === 'string' && exec.command.includes('/')) {
    absolute.exec = { ...exec, command: path.resolve(folder, exec.command) };
  }
  return absolute;
}
