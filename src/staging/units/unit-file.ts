/** Unit files: a fragment and its drop-ins, as systemd puts them together (systemd.unit(5), systemd.service(5)). */

import type { StagingNode } from '../node/staging-node.js';
import { splitWords } from './command-line.js';

/** A service as it was loaded: at boot, or at the last daemon-reload. */
export interface LoadedUnit {
  readonly fragment: string;
  readonly dropIns: readonly string[];
  readonly execStart: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly environmentFiles: readonly { readonly path: string; readonly mayBeMissing: boolean }[];
  /** Empty: root. */
  readonly user: string;
  readonly type: string;
  readonly restart: string;
  readonly restartSec: number;
  readonly timeoutStartSec: number;
  readonly after: readonly string[];
  /** Changes when any of the files does. */
  readonly stamp: string;
}

const folders = ['/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];

/** `SECTION.KEY` and value of each assignment, in their order. */
export function assignmentsOf(text: string): { readonly key: string; readonly value: string }[] {
  const found: { key: string; value: string }[] = [];
  let section = '';
  let held = '';
  for (const line of text.split('\n')) {
    // Within a line that goes on, comments are passed over.
    if (/^\s*[#;]/.test(line)) continue;
    const whole = held + line;
    held = '';
    if (whole.endsWith('\\')) {
      held = `${whole.slice(0, -1)} `;
      continue;
    }
    const [, named] = /^\s*\[(.+)\]\s*$/.exec(whole) ?? [];
    if (named !== undefined) section = named;
    const [, key, value = ''] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/s.exec(whole) ?? [];
    if (named === undefined && key !== undefined) found.push({ key: `${section}.${key}`, value });
  }
  return found;
}

/** "2", "300ms", "1min 30s" in seconds. */
export function secondsOf(text: string): number {
  const units: Readonly<Record<string, number>> = { '': 1, s: 1, sec: 1, ms: 0.001, min: 60, m: 60, h: 3600 };
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  return [...text.matchAll(/([\d.]+)\s*([a-z]*)/g)].reduce((sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0);
}

/** undefined: there is no such unit. `unit` ends in .service. */
export function loadUnit(node: Pick<StagingNode, 'read' | 'list'>, unit: string): LoadedUnit | undefined {
  const fragment = folders.map((folder) => `${folder}/${unit}`).find((path) => node.read(path) !== undefined);
  if (fragment === undefined) return undefined;
  // Of two drop-ins of one name that of the first folder counts; all are sorted by name.
  const dropIns = new Map<string, string>();
  for (const folder of folders) {
    for (const name of node.list(`${folder}/${unit}.d`)) if (name.endsWith('.conf') && !dropIns.has(name)) dropIns.set(name, `${folder}/${unit}.d/${name}`);
  }
  const paths = [fragment, ...[...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)];
  const files = paths.map((path) => ({ path, file: node.read(path) }));
  const all = files.flatMap(({ file }) => assignmentsOf(file?.bytes.toString('utf8') ?? ''));
  const last = (key: string, otherwise: string): string => all.findLast((one) => one.key === key)?.value || otherwise;
  // An empty assignment takes back what lists have so far.
  const list = (key: string): string[] => {
    const values = all.filter((one) => one.key === key).map(({ value }) => value);
    return values.slice(values.lastIndexOf('') + 1);
  };
  const environment = list('Service.Environment')
    .flatMap(splitWords)
    .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] as const);
  return {
    fragment,
    dropIns: paths.slice(1),
    execStart: list('Service.ExecStart').at(-1) ?? '',
    environment: Object.fromEntries(environment),
    environmentFiles: list('Service.EnvironmentFile').map((value) => ({ path: value.replace(/^-/, ''), mayBeMissing: value.startsWith('-') })),
    user: last('Service.User', ''),
    type: last('Service.Type', 'simple'),
    restart: last('Service.Restart', 'no'),
    restartSec: secondsOf(last('Service.RestartSec', '100ms')),
    timeoutStartSec: secondsOf(last('Service.TimeoutStartSec', '90')),
    after: list('Unit.After').flatMap(splitWords),
    stamp: files.map(({ path, file }) => `${path} ${file?.ino ?? 0} ${file?.mtimeMs ?? 0}`).join('\n'),
  };
}
