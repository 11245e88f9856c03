/** A node on paper: its files lie in a folder of their own, and scripts run for real, by sh, with the node's paths led into it. */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fail, failure, RotationError } from '../../src/domain/errors.js';
import { Secret } from '../../src/domain/secret.js';
import type { CommandResult, FileContent, NodeShell, RunOptions } from '../../src/ports/node-shell.js';

export interface PaperNode {
  readonly shell: NodeShell;
  /** Where the node's `/` is here. */
  readonly root: string;
  put(path: string, text: string, mode?: number): void;
  text(path: string): string | undefined;
  /** path -> kind, mode and content of everything below these folders; without time. */
  snapshot(): Record<string, string>;
  /** Called before each script, and after each change: the kubelet of the node, for example. */
  onScript(listener: () => void): void;
  onChange(listener: () => void): void;
  /** From now on every further change throws ssh-lost after so many. */
  killAfter(changes: number): void;
  close(): void;
}

const folders = ['/etc/kubernetes', '/var/lib/kubelet', '/var/lib/rotate-ca'];

export function createPaperNode(name: string): PaperNode {
  const root = mkdtempSync(join(tmpdir(), `paper-${name}-`));
  for (const folder of ['/etc/kubernetes/pki', '/etc/kubernetes/manifests', '/var/lib/kubelet/pki', '/proc/net', '/proc/self', '/bin'])
    mkdirSync(join(root, folder), { recursive: true });
  const here = (path: string): string => join(root, path);
  const before: (() => void)[] = [];
  const after: (() => void)[] = [];
  let left = Number.POSITIVE_INFINITY;

  function change(act: () => void): void {
    if (left <= 0) throw new RotationError(failure('ssh-lost', { target: name, summary: 'the line was cut', nextAction: 'Run "rotate-ca resume".' }));
    left--;
    act();
    for (const listener of after) listener();
  }

  function run(script: string, options: RunOptions): CommandResult {
    if (options.signal?.aborted === true) throw new RotationError(failure('interrupted', { target: name, summary: 'interrupted', nextAction: 'none' }));
    for (const listener of before) listener();
    const led = script.replaceAll(/(?<![\w}])\/(etc\/kubernetes|var\/lib\/kubelet|var\/lib\/rotate-ca|proc)(?=$|[^\w])/gm, `${root}/$1`);
    const input = options.stdin instanceof Secret ? options.stdin.reveal() : options.stdin;
    const done = spawnSync('sh', ['-c', led], { input: input ?? '', env: { ...process.env, PATH: `${root}/bin:${process.env.PATH ?? ''}` }, maxBuffer: 2 ** 26 });
    return { exitCode: done.status ?? 255, stdout: done.stdout.toString('utf8').replaceAll(root, ''), stderr: done.stderr.toString('utf8').replaceAll(root, '') };
  }

  function isReading(script: string): boolean {
    return !/\b(mv|rm|rmdir|cp|mkdir|kill|systemctl|ln)\b/.test(script);
  }

  function runAsChange(script: string, options: RunOptions): CommandResult {
    if (isReading(script)) return run(script, options);
    let result: CommandResult = { exitCode: 255, stdout: '', stderr: '' };
    change(() => {
      result = run(script, options);
    });
    return result;
  }

  function read(path: string): FileContent | undefined {
    const link = lstatSync(here(path), { throwIfNoEntry: false });
    if (link === undefined) return undefined;
    const linkTo = link.isSymbolicLink() ? readlinkSync(here(path)).replace(root, '') : undefined;
    const stat = statSync(here(path), { throwIfNoEntry: false });
    const bytes = stat === undefined ? Buffer.alloc(0) : readFileSync(here(path));
    const of = stat ?? link;
    return {
      bytes,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      mode: (of.mode & 0o7777).toString(8).padStart(4, '0'),
      uid: of.uid,
      gid: of.gid,
      mtimeMs: of.mtimeMs,
      ...(linkTo === undefined ? {} : { linkTo }),
    };
  }

  function replace(path: string, make: (temporary: string) => void): void {
    change(() => {
      const temporary = join(dirname(here(path)), `.rotate-ca.${Math.random()}.tmp`);
      make(temporary);
      renameSync(temporary, here(path));
    });
  }

  const shell: NodeShell = {
    node: name,
    run: async (script, options) => runAsChange(script, options),
    async must(script, options) {
      const { exitCode, stdout, stderr } = runAsChange(script, options);
      if (exitCode === 0) return stdout;
      return fail('command-failed', { target: name, summary: `a script ended with ${exitCode}`, cause: stderr, nextAction: 'Look at the node.' });
    },
    readFile: async (path) => read(path),
    readFiles: async (paths) => new Map(paths.flatMap((path) => (read(path) === undefined ? [] : [[path, read(path) as FileContent] as const]))),
    async replaceFile(path, { bytes, mode }) {
      replace(path, (temporary) => {
        writeFileSync(temporary, bytes instanceof Secret ? bytes.reveal() : bytes);
        chmodSync(temporary, Number.parseInt(mode, 8));
      });
    },
    async replaceFiles(files, options) {
      for (const { path, ...content } of files) await shell.replaceFile(path, content, options);
    },
    async replaceLink(path, linkTo) {
      replace(path, (temporary) => symlinkSync(here(linkTo), temporary));
    },
    async removeFile(path) {
      change(() => rmSync(here(path), { force: true }));
    },
  };

  return {
    shell,
    root,
    put(path, text, mode = 0o600) {
      mkdirSync(dirname(here(path)), { recursive: true });
      rmSync(here(path), { force: true });
      writeFileSync(here(path), text);
      chmodSync(here(path), mode);
    },
    text: (path) => (read(path) === undefined ? undefined : Buffer.from(read(path)?.bytes ?? '').toString('utf8')),
    snapshot: () => Object.fromEntries(folders.flatMap((folder) => below(here(folder)).map((path) => [path.replace(root, ''), describe(path, root)]))),
    onScript: (listener) => void before.push(listener),
    onChange: (listener) => void after.push(listener),
    killAfter(changes) {
      left = changes;
    },
    close: () => rmSync(root, { recursive: true, force: true }),
  };
}

function below(folder: string): string[] {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function describe(path: string, root: string): string {
  const stat = lstatSync(path);
  if (stat.isSymbolicLink()) return `link ${readlinkSync(path).replace(root, '')}`;
  return `${(stat.mode & 0o7777).toString(8)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
}
