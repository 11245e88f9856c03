/** What the worlds showed: kept in fixtures, printed side by side, and told in docs/fidelity.md. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { Observed, Outcome } from './behaviour.js';
import type { World } from './world.js';

export interface Seen {
  readonly observed: Observed;
  /** Of the behaviour with what it puts back. */
  readonly seconds: number;
}

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'fixtures', 'fidelity');

function fileOf(world: World['name']): string {
  return join(folder, `${world}.json`);
}

/** What a world showed when it was recorded last (ROTATE_CA_RECORD=1), by id. */
export function seenIn(world: World['name']): Readonly<Record<string, Seen>> {
  return existsSync(fileOf(world)) ? (JSON.parse(readFileSync(fileOf(world), 'utf8')) as Record<string, Seen>) : {};
}

/** What was not observed this time is kept from before. */
export function saveSeen(world: World['name'], outcomes: readonly Outcome[]): void {
  const fresh = outcomes.map(({ behaviour, observed, seconds }) => [behaviour.id, { observed, seconds: Math.round(seconds * 10) / 10 }] as const);
  const all = { ...seenIn(world), ...Object.fromEntries(fresh) };
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileOf(world), `${JSON.stringify(all, undefined, 1)}\n`);
}

/** One line for each behaviour, and, where something differs, what the rule says and what both worlds showed. */
export function summaryOf(world: World['name'], outcomes: readonly Outcome[], other: Readonly<Record<string, Seen>>): string {
  const otherName = world === 'lab' ? 'staging' : 'lab';
  const lines = outcomes.map(({ behaviour, observed, seconds }) => {
    const { id, expected } = behaviour;
    const theirs = other[id];
    const agrees = isDeepStrictEqual(observed, expected);
    const alike = theirs === undefined ? 'not recorded' : isDeepStrictEqual(theirs.observed, observed) ? 'the same' : 'DIFFERS';
    const head = `  ${agrees ? 'as the rule' : 'NOT THE RULE'}; ${otherName} ${alike}  ${id} (${seconds.toFixed(1)} s)`;
    if (agrees && alike !== 'DIFFERS') return head;
    const detail = [`rule ${show(expected)}`, `${world} ${show(observed)}`, `${otherName} ${theirs === undefined ? 'not recorded' : show(theirs.observed)}`];
    return [head, ...detail.map((line) => `      ${line}`)].join('\n');
  });
  const differing = outcomes.filter(({ behaviour, observed }) => other[behaviour.id] !== undefined && !isDeepStrictEqual(other[behaviour.id]?.observed, observed));
  const wrong = outcomes.filter(({ behaviour, observed }) => !isDeepStrictEqual(observed, behaviour.expected));
  return [
    `fidelity, ${world}:`,
    ...lines,
    `fidelity, ${world}: ${outcomes.length} behaviours, ${wrong.length} not as the rule says, ${differing.length} other than in ${otherName}`,
  ].join('\n');
}

function show(observed: Observed): string {
  return JSON.stringify(observed);
}
