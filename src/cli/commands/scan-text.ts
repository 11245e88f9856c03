/** A scan as text for people: short where all is well, every line where it is not. */

import type { ComponentRecord, Inventory } from '../../domain/cluster/inventory.js';
import { authoritiesOf, type Authority } from '../../domain/scanned/authorities.js';
import { holdersOf } from '../../domain/scanned/holders.js';
import { type LoadedRow, loadedOf } from '../../domain/scanned/loaded.js';
import type { Output } from '../output.js';
import { table } from '../table.js';

type Colours = Output['colours'];

export function scanText(inventory: Inventory, { colours: c }: Pick<Output, 'colours'>): string {
  const { uid, server, version } = inventory.cluster;
  const authorities = authoritiesOf(inventory);
  const sections = [
    `${c.bold('Scan')} of ${server}  ${version === '' ? 'version unknown' : version}  ${uid === '' ? 'uid unknown' : `uid ${uid}`}  at ${inventory.takenAt}`,
    section('Nodes', table(['NODE', 'ROLE', 'ADDRESS', 'COMPONENTS', 'FILES'], nodesOf(inventory)), c),
    section('CAs, and how many places hold them', table(['CA', 'ROLE', 'GENERATION', 'KEY', 'ENDS', 'SHA-256', 'FILES', 'OBJECTS', 'PODS', 'ISSUED'], authorities.map(caRow)), c),
    section('What is loaded, against what is stored', loadedText(loadedOf(inventory), c), c),
    section('Pods with a CA in memory', holdersText(inventory, authorities), c),
    section('Tokens', tokensText(inventory), c),
    section('Servers that API servers call', calledText(inventory), c),
    section(`Findings (${inventory.findings?.length ?? 0})`, lines((inventory.findings ?? []).map(({ code, place, meaning }) => `${c.yellow(code)}  ${place}: ${meaning}`)), c),
    section(`Not seen (${inventory.unseen?.length ?? 0})`, lines((inventory.unseen ?? []).map(({ place, why }) => `${place}: ${why}`)), c),
  ];
  return sections.join('\n\n');
}

function section(title: string, text: string, c: Colours): string {
  const body = text === '' ? 'none' : text;
  return `${c.bold(title)}\n${body
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}`;
}

function lines(all: readonly string[]): string {
  return all.join('\n');
}

function nodesOf(inventory: Inventory): string[][] {
  return inventory.nodes.map(({ name, roles, internalIp, kubeletVersion, components, files }) => [
    name,
    roles.join(','),
    internalIp,
    components.map((component) => `${component.name} ${component.name === 'kubelet' ? kubeletVersion : component.version}`.trim()).join(', '),
    String(files.length),
  ]);
}

function caRow({ record, roles, generation, files, objects, pods, issued }: Authority): string[] {
  return [
    shortName(record.subject),
    roles.join('+'),
    generation,
    record.keyType,
    day(record.notAfterMs),
    record.fingerprint.slice(0, 16),
    ...[files, objects, pods, issued].map(String),
  ];
}

/** Processes of one component for which nothing is to be said are one line. */
function loadedText(rows: readonly LoadedRow[], c: Colours): string {
  const plain = new Map<ComponentRecord['name'], LoadedRow[]>();
  const told: string[] = [];
  for (const row of rows) {
    const odd = wordsOf(row);
    if (odd.length === 0) plain.set(row.component, [...(plain.get(row.component) ?? []), row]);
    else told.push(...odd.map((words) => `${c.yellow('!')} ${row.component}@${row.node}  ${words}`));
  }
  const quiet = [...plain].map(([component, same]) => {
    const asked = same.filter(({ presents }) => presents.length > 0);
    const what = asked.some(({ presents }) => presents.some(({ isOwn }) => isOwn)) ? 'a pair of their own in memory' : 'what is stored';
    const presents = asked.length === 0 ? '' : `, and ${asked.length === same.length ? '' : `${asked.length} of them `}present ${what}`;
    return `  ${component} on ${count(same.length, 'node')}  started after its files were written${presents}`;
  });
  return lines([...told, ...quiet]);
}

function wordsOf({ startedAtMs, writtenSince, presents }: LoadedRow): string[] {
  return [
    ...(startedAtMs === undefined ? ['its start is not known'] : []),
    ...writtenSince.map(({ path, modifiedAtMs }) => `started ${minute(startedAtMs ?? 0)}, ${path} was written ${minute(modifiedAtMs)}: it may have what was there before`),
    ...presents
      .filter(({ files, isOwn }) => files.length === 0 && !isOwn)
      .map(({ port, fingerprint }) => `port ${port} presents ${fingerprint.slice(0, 16)}, which lies in no file of the node`),
  ];
}

function holdersText(inventory: Inventory, authorities: readonly Authority[]): string {
  const rows = holdersOf(inventory, authorities).map((row) => [
    row.workload,
    String(row.pods),
    minute(row.oldestMs),
    row.holds.map(({ subject, fingerprint }) => `${shortName(subject)} ${fingerprint.slice(0, 8)}`).join(', '),
    row.tokens.join(','),
    `${row.mounts.length > 2 ? `${row.mounts.slice(0, 2).join(', ')} and ${row.mounts.length - 2} more` : row.mounts.join(', ')}${
      row.beforeIncoming === 0 ? '' : `; ${row.beforeIncoming} started before the incoming CA began: outgoing only, unless they read again`
    }`,
  ]);
  return rows.length === 0 ? '' : table(['WORKLOAD', 'PODS', 'OLDEST', 'HOLDS', 'TOKEN', 'BECAUSE IT MOUNTS'], rows);
}

/** By the key that signed them. */
function tokensText(inventory: Inventory): string {
  const byKey = new Map<string, number>();
  for (const { kid, algorithm } of inventory.tokens ?? [])
    byKey.set(`${kid === '' ? 'no kid' : kid}  ${algorithm}`, (byKey.get(`${kid === '' ? 'no kid' : kid}  ${algorithm}`) ?? 0) + 1);
  return lines([...byKey].map(([key, number]) => `${count(number, 'token')} of the key ${key}`));
}

function calledText(inventory: Inventory): string {
  const rows = (inventory.called ?? []).map(({ kind, name, host, isUnverified, presents }) => [
    kind,
    name,
    host,
    presents?.slice(0, 16) ?? 'not seen',
    isUnverified ? 'nobody verifies it' : '',
  ]);
  return rows.length === 0 ? '' : table(['KIND', 'NAME', 'HOST', 'PRESENTS', ''], rows);
}

function shortName(subject: string): string {
  return /CN=([^,]+)/.exec(subject)?.[1] ?? subject;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function minute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}
