/** Typed confirmation. Nobody is asked where nobody can answer. */

import { createInterface } from 'node:readline/promises';

/** The word that was typed, trimmed; undefined if standard input or error is no terminal. */
export async function askFor(question: string): Promise<string | undefined> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question)).trim();
  } finally {
    lines.close();
  }
}
