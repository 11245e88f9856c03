/** The command line that systemd would start: `systemctl show`, environment files, and systemd's own rules for variables in it. Pure. */

import { parseFlags } from './flags.js';

export interface UnitTexts {
  /** `{ path=/usr/local/bin/etcd ; argv[]=/usr/local/bin/etcd --a=b $MORE ; ignore_errors=no ; ... }` */
  readonly execStart: string;
  /** `A=b "C=d e"`, as the property is printed. */
  readonly environment: string;
  /** Texts of the environment files, one after the other. */
  readonly environmentFiles: string;
}

export interface Started {
  readonly args: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * `$VAR` as a word of its own becomes as many words as its value has, `${VAR}` is put in as it is (systemd.service(5), "Command lines").
 * Words of the unit that have blanks in them are not told apart from several: systemctl prints them without quotes.
 */
export function startedBy({ execStart, environment, environmentFiles }: UnitTexts): Started {
  const variables = { ...assignments(environment.match(/"(?:[^"\\]|\\.)*"|\S+/g)?.map(unquoted) ?? []), ...readEnvironmentFile(environmentFiles) };
  const argv = /argv\[\]=(.*?) ; ignore_errors=/s.exec(execStart)?.[1] ?? '';
  const args = argv
    .split(/\s+/)
    .filter((word) => word !== '')
    .flatMap((word) => {
      const whole = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(word)?.[1];
      if (whole !== undefined) return wordsOf(variables[whole] ?? '');
      return [word.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => variables[name] ?? '')];
    });
  return { args: args.slice(1), variables };
}

/** systemd.exec(5), EnvironmentFile=: one assignment a line, comments with # or ;, a backslash at the end of a line goes on in the next, quotes around values. */
export function readEnvironmentFile(text: string): Record<string, string> {
  const lines = text
    .replaceAll(/\\\r?\n/g, '')
    .split(/\r?\n/)
    .map((line) => line.trim());
  return assignments(lines.filter((line) => line !== '' && !/^[#;]/.test(line)));
}

function assignments(lines: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value = ''] = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(line) ?? [];
    if (name !== undefined) found[name] = unquoted(value.trim());
  }
  return found;
}

function unquoted(value: string): string {
  const [, quote, inner] = /^(["'])(.*)\1$/s.exec(value) ?? [];
  if (inner === undefined) return value;
  return quote === '"' ? inner.replaceAll(/\\(["\\$`])/g, '$1') : inner;
}

function wordsOf(value: string): string[] {
  return (value.match(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|\S)+/g) ?? []).map((word) =>
    word.replaceAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double?: string, single?: string) => double ?? single ?? ''),
  );
}

/** Flags that what runs has otherwise than what would be started; of etcd, variables count as flags. In words. */
export function flagDifferences(component: string, running: Readonly<Record<string, string>>, { args, variables }: Started): string[] {
  const ofVariables = Object.entries(variables).flatMap(([name, value]) =>
    component === 'etcd' && name.startsWith('ETCD_') ? [[name.slice('ETCD_'.length).toLowerCase().replaceAll('_', '-'), value] as const] : [],
  );
  const started: Record<string, string> = { ...Object.fromEntries(ofVariables), ...parseFlags(args) };
  return [...new Set([...Object.keys(running), ...Object.keys(started)])].sort().flatMap((flag) => {
    if (running[flag] === started[flag]) return [];
    const say = (value: string | undefined): string => (value === undefined ? `no --${flag}` : `--${flag}=${value}`);
    return [`it runs with ${say(running[flag])} and would start with ${say(started[flag])}`];
  });
}
