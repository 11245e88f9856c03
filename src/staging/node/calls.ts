/** Calls of the node's programs that come from scripts: read, answered by this process, and handed back to the shim that waits. */

import { closeSync, constants, existsSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { stripText } from './node-paths.js';
import type { CommandAnswer, CommandCall } from './staging-node.js';

export interface Caller {
  /** As whom the program runs: "root" after sudo. */
  readonly user: string;
  /** What signals the script that called. */
  signalScript(signal: string): void;
}

/** `answer` gets the name by which the program was called. */
export type AnswerCall = (name: string, call: CommandCall, caller: Caller) => Promise<CommandAnswer>;

export interface CallTaker {
  /** What comes from descriptor 8 of a script: the number of the shim, one a line. */
  take(chunk: Buffer): void;
  /** Clears up after the script has ended. */
  clear(): void;
}

export function takeCalls(at: { readonly folder: string; readonly root: string; signalScript(signal: string): void }, answer: AnswerCall): CallTaker {
  const answered: string[] = [];
  let rest = '';
  return {
    take(chunk) {
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const base = join(at.folder, line);
        answered.push(base);
        void answerOne(base, at, answer);
      }
    },
    clear() {
      for (const base of answered) for (const end of ['out', 'err', 'fifo']) rmSync(`${base}.${end}`, { force: true });
    },
  };
}

async function answerOne(base: string, at: { readonly root: string; signalScript(signal: string): void }, answer: AnswerCall): Promise<void> {
  const [name = '', cwd = '/', ...args] = readFileSync(`${base}.call`, 'utf8').split('\0').slice(0, -1);
  const env = readExports(readFileSync(`${base}.env`, 'utf8'));
  const stdin = existsSync(`${base}.in`) ? readFileSync(`${base}.in`) : Buffer.alloc(0);
  for (const end of ['call', 'env', 'in']) rmSync(`${base}.${end}`, { force: true });
  const call: CommandCall = {
    args: args.map((arg) => stripText(arg, at.root)),
    stdin,
    cwd: stripText(cwd, at.root),
    env: Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (key.startsWith('STAGING_') ? [] : [[key, stripText(value, at.root)]]))),
  };
  const done = await answer(name, call, { user: env.STAGING_USER ?? 'root', signalScript: at.signalScript }).catch(
    (error: unknown): CommandAnswer => ({ stdout: '', stderr: `${name}: ${error instanceof Error ? error.message : String(error)}\n`, exitCode: 1 }),
  );
  try {
    writeFileSync(`${base}.out`, done.stdout);
    writeFileSync(`${base}.err`, done.stderr);
    // The shim holds the other end. If it was killed in the meantime there is no reader, and nobody to tell.
    const wake = openSync(`${base}.fifo`, constants.O_WRONLY | constants.O_NONBLOCK);
    writeSync(wake, `${done.exitCode}\n`);
    closeSync(wake);
  } catch {
    // The script has ended, and what it left is cleared up with it.
  }
}

/** `export -p` as dash and bash print it. */
function readExports(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', value = ''] of text.matchAll(/^(?:export|declare -x) (\w+)=((?:'[^']*'|"(?:[^"\\]|\\[\s\S])*"|\\.|[^\s'"\\])*)$/gm)) {
    found[name] = value.replaceAll(
      /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\(.)/g,
      (_, single?: string, double?: string, escaped?: string) => single ?? double?.replaceAll(/\\([\s\S])/g, '$1') ?? escaped ?? '',
    );
  }
  return found;
}
