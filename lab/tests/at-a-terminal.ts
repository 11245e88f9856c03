/** rotate-ca at a terminal, with somebody who answers its question: util-linux's `script` makes the terminal. */

import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'dist', 'cli', 'main.js');

export interface Answered {
  readonly code: number | null;
  /** Standard output and error, as the terminal showed them. */
  readonly shown: string;
}

/** `answer` is typed once a question stands there: text that ends in ": " without a newline. */
export function answerAtTerminal(args: readonly string[], env: Readonly<Record<string, string>>, answer: string): Promise<Answered> {
  const quoted = [process.execPath, program, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'script', '--quiet', '--flush', '--return', '--command', quoted, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', USER: 'sre-on-call', TERM: 'dumb', ...env },
  });
  let shown = '';
  let asked = false;
  const hear = (chunk: Buffer): void => {
    shown += chunk.toString('utf8');
    if (asked || !/: (\S*)$/.test(shown)) return;
    asked = true;
    child.stdin.write(`${answer}\n`);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, shown }));
  });
}
