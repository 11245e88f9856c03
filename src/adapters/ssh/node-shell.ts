/** The port `NodeShell` over SSH: scripts as root, files read and replaced atomically. */

import { createHash, randomBytes } from 'node:crypto';
import { type Failure, failure, RotationError } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import type { NodeShell, RunOptions } from '../../ports/node-shell.js';
import { type Outcome, runOver } from './channel.js';
import { commandLine, killLine, sudoRefusal } from './command-line.js';
import type { Connection } from './connection.js';
import { readFilesScript, removeFileScript, replaceFilesScript, replaceLinkScript, scriptExit } from './file-scripts.js';
import { limitsFor, unlessAborted } from './limits.js';
import { parseFiles } from './read-format.js';

/** What programs say for an error of the kernel (strerror(3)): no secret can look like it. */
const kernelWords =
  /Read-only file system|Permission denied|Operation not permitted|No such file or directory|Input\/output error|Cannot allocate memory|No space left on device|Disk quota exceeded/;

type Within = { readonly deadlineMs: number; readonly signal?: AbortSignal };

/** `connect` gives the connection that is kept, or makes it. */
export function shellOf(node: string, connect: () => Promise<Connection>): NodeShell {
  // Two replaces of one file at once would take each other's temporary file for a leftover.
  const inTurn = new Map<string, Promise<unknown>>();

  async function execute(script: string, what: string, options: RunOptions): Promise<Outcome> {
    const limits = limitsFor(node, what, options);
    try {
      const connection = await unlessAborted(limits.signal, connect());
      const { user } = connection.hop;
      const stdin = bytesOf(options.stdin);
      const tag = `rotate-ca-${randomBytes(8).toString('hex')}`;
      const outcome = await runOver(connection, {
        line: commandLine(script, { user, leftMs: limits.leftMs(), tag }),
        killLine: killLine(tag, user),
        what,
        node,
        signal: limits.signal,
        ...(stdin === undefined ? {} : { stdin }),
      });
      const refusal = user === 'root' ? undefined : sudoRefusal(outcome);
      if (refusal !== undefined) {
        throw new RotationError(
          failure('sudo-refused', {
            target: node,
            summary: `"${user}" may not become root on ${node} without a password`,
            cause: refusal,
            nextAction: `On ${node}, allow it in /etc/sudoers.d/rotate-ca: "${user} ALL=(root) NOPASSWD: ALL"`,
          }),
        );
      }
      return outcome;
    } finally {
      limits.done();
    }
  }

  async function fileScript(script: string, what: string, options: RunOptions): Promise<Outcome> {
    const outcome = await execute(script, what, options);
    if (outcome.exitCode !== 0) {
      throw new RotationError(fileFailure(node, what, outcome));
    }
    return outcome;
  }

  async function afterOthers<T>(paths: readonly string[], work: () => Promise<T>): Promise<T> {
    const before = Promise.allSettled(paths.flatMap((path) => inTurn.get(path) ?? []));
    const mine = before.then(work);
    // All at once: one path taken after the other, two works on the same paths could wait for each other.
    for (const path of paths) inTurn.set(path, mine);
    try {
      return await mine;
    } finally {
      for (const path of paths) if (inTurn.get(path) === mine) inTurn.delete(path);
    }
  }

  async function replaceFiles(files: Parameters<NodeShell['replaceFiles']>[0], options: Within): Promise<void> {
    const contents = files.map(({ bytes }) => bytesOf(bytes) ?? new Uint8Array());
    const wanted = files.map(({ path, mode, uid, gid, label }, n) => {
      checkPath(path);
      checkMode(mode);
      const bytes = contents[n] ?? new Uint8Array();
      return { path, mode, uid, gid, ...(label === undefined ? {} : { label }), sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
    });
    const paths = wanted.map(({ path }) => path);
    if (new Set(paths).size < paths.length) throw new Error(`a file is to be replaced twice: ${paths.join(' ')}`);
    if (paths.length === 0) return;
    await afterOthers(paths, () => fileScript(replaceFilesScript(wanted), `replacing ${inWords(paths)}`, { ...options, stdin: Buffer.concat(contents) }));
  }

  async function readFiles(paths: readonly string[], options: Within): ReturnType<NodeShell['readFiles']> {
    if (paths.length === 0) {
      return new Map();
    }
    paths.forEach(checkPath);
    const { stdout } = await fileScript(readFilesScript, `reading ${inWords(paths)}`, { ...options, stdin: `${paths.join('\n')}\n` });
    return parseFiles(stdout, paths);
  }

  return {
    node,
    run: async (script, options) => {
      const { exitCode, stdout, stderr } = await execute(script, describeScript(script), options);
      return { exitCode, stdout: stdout.toString('utf8'), stderr: stderr.toString('utf8') };
    },
    must: async (script, options) => {
      const what = describeScript(script);
      const { exitCode, stdout, stderr } = await execute(script, what, options);
      if (exitCode !== 0) {
        const words = stderr.toString('utf8');
        const said = options.secretOutput ? (kernelWords.exec(words)?.[0] ?? '') : endOf(words);
        const isFull = /No space left on device|quota exceeded/i.test(words);
        throw new RotationError(
          failure(isFull ? 'disk-full' : 'command-failed', {
            target: node,
            summary: `Status ${exitCode}: ${what}`,
            cause: said === '' ? 'it said nothing that can be shown' : said,
            nextAction: isFull ? `Make room on ${node}, then run "rotate-ca resume"` : `Look at ${node}, then run "rotate-ca resume"`,
          }),
        );
      }
      return stdout.toString('utf8');
    },
    readFile: async (path, options) => (await readFiles([path], options)).get(path),
    readFiles,
    replaceFile: (path, content, options) => replaceFiles([{ path, ...content }], options),
    replaceFiles,
    replaceLink: async (path, linkTo, options) => {
      checkPath(path);
      await afterOthers([path], () => fileScript(replaceLinkScript(path, linkTo), `replacing the symlink ${path}`, options));
    },
    removeFile: async (path, options) => {
      checkPath(path);
      await afterOthers([path], () => fileScript(removeFileScript(path), `removing ${path}`, options));
    },
  };
}

function fileFailure(node: string, what: string, outcome: Outcome): Failure {
  const cause = endOf(outcome.stderr.toString('utf8')) || 'it said nothing';
  switch (outcome.exitCode) {
    case scriptExit.diskFull:
      return failure('disk-full', {
        target: node,
        summary: `No room on ${node}: ${what}`,
        cause,
        nextAction: `Make room on ${node} ("df -h; df -i"), then run "rotate-ca resume"`,
      });
    case scriptExit.differs:
      return failure('file-changed', {
        target: node,
        summary: `What was written is not what is there: ${what}`,
        cause,
        nextAction: `Find out what else writes to it on ${node}, then run "rotate-ca resume"`,
      });
    default:
      return failure('command-failed', {
        target: node,
        summary: `Status ${outcome.exitCode}: ${what}`,
        cause,
        nextAction: `Look at the file and its folder on ${node} (read-only mount? "lsattr"?), then run "rotate-ca resume"`,
        retryable: outcome.exitCode === scriptExit.incomplete,
      });
  }
}

function bytesOf(data: string | Uint8Array | Secret | undefined): Uint8Array | undefined {
  return data instanceof Secret ? data.reveal() : typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
}

// The first line that does something names the script: scripts hold no secrets, by contract of the port.
function describeScript(script: string): string {
  const line =
    script
      .split('\n')
      .map((l) => l.trim())
      .find((l) => l !== '' && !l.startsWith('#') && !l.startsWith('set -')) ?? 'an empty script';
  return `running "${line.length > 100 ? `${line.slice(0, 100)}...` : line}"`;
}

function inWords(paths: readonly string[]): string {
  return `${paths[0]}${paths.length > 1 ? ` and ${paths.length - 1} more files` : ''}`;
}

function endOf(text: string): string {
  return text.trim().split('\n').slice(-10).join(' / ').slice(-1500);
}

function checkPath(path: string): void {
  if (!/^\/[^\n\0]*[^/\n\0]$/.test(path)) {
    throw new Error(`not an absolute path of a file: ${JSON.stringify(path)}`);
  }
}

function checkMode(mode: string): void {
  if (!/^0?[0-7]{3,4}$/.test(mode)) {
    throw new Error(`not an octal mode: ${JSON.stringify(mode)}`);
  }
}
