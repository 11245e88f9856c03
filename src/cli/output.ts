/** Where words go: results to standard output, everything else to standard error; colour only where it is wanted. */

import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import type { Failure } from '../domain/errors.js';
import { redact } from '../domain/redact.js';

export interface Output {
  readonly json: boolean;
  readonly isTerminal: boolean;
  /** Of the terminal to which results go; undefined for a pipe or a file, in which no line is broken. */
  readonly columns: number | undefined;
  readonly colours: ReturnType<typeof pc.createColors>;
  /** The result of the command. */
  result(text: string): void;
  /** Progress, questions, hints. */
  say(text: string): void;
  /** One object of JSON, versioned; only with -o json. */
  object(kind: string, body: object): void;
  failures(failures: readonly Failure[]): void;
}

export interface OutputOptions {
  readonly format: string;
  readonly env: NodeJS.ProcessEnv;
  readonly noColor: boolean;
}

export function openOutput({ format, env, noColor }: OutputOptions): Output {
  const json = format === 'json';
  const dumb = env.TERM === 'dumb' || env.CI === 'true';
  const isTerminal = process.stderr.isTTY === true && !dumb && !json;
  // NO_COLOR by no-color.org: any value that is not empty.
  const wanted = !noColor && (env.NO_COLOR ?? '') === '' && ((env.FORCE_COLOR ?? '') !== '' || (process.stderr.isTTY === true && !dumb));
  const colours = pc.createColors(wanted);
  const out: Output = {
    json,
    isTerminal,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    colours,
    result(text) {
      // Colours are chosen by the terminal of standard error; a result may go into a file all the same.
      const shown = process.stdout.isTTY || (env.FORCE_COLOR ?? '') !== '' ? text : stripVTControlCharacters(text);
      if (!json) process.stdout.write(`${redact(shown)}\n`);
    },
    say(text) {
      process.stderr.write(`${redact(text)}\n`);
    },
    object(kind, body) {
      // Each text by itself: a key without its end would take the rest of the object with it.
      const text = JSON.stringify({ apiVersion: 'rotate-ca/v1', kind, ...body }, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value));
      if (json) process.stdout.write(`${text}\n`);
    },
    failures(failures) {
      out.object('Failures', { failures });
      if (json) return;
      for (const f of failures) {
        out.say(`${colours.red('Error')} ${colours.bold(f.code)}: ${f.summary} (${f.target})`);
        if (f.cause !== '') out.say(`  Why:  ${f.cause.split('\n').join('\n        ')}`);
        out.say(`  Next: ${f.nextAction}`);
      }
    },
  };
  return out;
}
