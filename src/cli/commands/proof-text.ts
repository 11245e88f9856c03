/** What a proof says of one step, in lines: what changes, who starts anew, which edges blip or break. */

import { groupBy } from '../../domain/group-by.js';
import { writeDuration } from '../../domain/plan/duration.js';
import type { EdgeFinding, PlaceChange, RestartNeed, StepProof } from '../../domain/trust/graph.js';
import type { Output } from '../output.js';

type Colours = Output['colours'];

/** `all`: each edge on a line of its own. */
export function stepLines(proof: StepProof, c: Colours, all: boolean): string[] {
  return [...changeLines(proof.changes, c), ...restartLines(proof.restarts, c), ...findingLines(proof.findings, c, all)];
}

/** The same change on several hosts, or in several namespaces, is one line. */
function changeLines(changes: readonly PlaceChange[], c: Colours): string[] {
  const groups = groupBy(changes, ({ place, sign, before, after }) => [sign, splitPlace(place).what, before.map(plain).join(), after.map(plain).join()].join('\0'));
  return groups.map((group) => {
    const [first] = group;
    if (first === undefined) return '';
    const colour = first.sign === '+' ? c.green : first.sign === '-' ? c.red : c.yellow;
    const where = group.map(({ place }) => splitPlace(place).where);
    const diff = first.sign === '~' ? `${contents(first.before)} -> ${contents(first.after)}` : contents(first.sign === '+' ? first.after : first.before);
    return `${colour(first.sign)} ${splitPlace(first.place).what}${listed(where)}: ${diff}`;
  });
}

function contents(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(' + ');
}

/** A fingerprint differs from host to host where the leaf is the same by name. */
function plain(name: string): string {
  return name.replace(/ \([0-9a-f]{8}\)$/, '');
}

/** `cp1:/path` is path on cp1; an object is its kind, name and field in its namespace. */
function splitPlace(place: string): { readonly what: string; readonly where: string } {
  const file = /^([^:\s]+):(\/.*)$/.exec(place);
  if (file !== null) return { what: file[2] ?? '', where: file[1] ?? '' };
  const object = /^(\S+) ([^/\s]+)\/(\S+) (.*)$/.exec(place);
  if (object?.[1] === 'Secret') return { what: `Secrets ${object[4] ?? ''}`, where: `${object[2] ?? ''}/${object[3] ?? ''}` };
  if (object !== null) return { what: `${object[1] ?? ''} ${object[3] ?? ''} ${object[4] ?? ''}`, where: object[2] ?? '' };
  return { what: place, where: '' };
}

function listed(where: readonly string[]): string {
  const names = where.filter((one) => one !== '');
  if (names.length === 0) return '';
  return names.length > 6 ? ` (${names.slice(0, 4).join(', ')} and ${names.length - 4} more)` : ` (${names.join(', ')})`;
}

function restartLines(restarts: readonly RestartNeed[], c: Colours): string[] {
  const line = (some: readonly RestartNeed[], say: (who: string, because: string) => string): string[] =>
    groupBy(some, ({ process, because }) => `${process.split(/[@ ]/)[0] ?? ''}\0${because.replaceAll(/\S*[/:]\S*/g, '…')}`).map((group) =>
      say(
        shortList(group.map(({ process }) => process)),
        group.length === 1 ? (group[0]?.because ?? '') : (group[0]?.because ?? '').replace(/^it reads/, 'each reads').replaceAll(/(^|[ ,])[a-z0-9-]+:(?=\/)/g, '$1'),
      ),
    );
  return [
    ...line(
      restarts.filter(({ done, needed }) => done && needed),
      (who, because) => `restarts ${who}: ${because}`,
    ),
    ...line(
      restarts.filter(({ done, needed }) => done && !needed),
      (who) => `restarts ${who}`,
    ),
    ...line(
      restarts.filter(({ done }) => !done),
      (who, because) => c.dim(`not restarted yet: ${who}: ${because}`),
    ),
  ];
}

function findingLines(findings: readonly EdgeFinding[], c: Colours, all: boolean): string[] {
  const say = { blip: c.dim, latent: c.yellow, break: c.red, cut: c.yellow } as const;
  return groupBy(findings, ({ verdict, why, edge }) => `${verdict}\0${verdict === 'blip' ? '' : `${edge.split(' ')[0] ?? ''}\0${why}`}`).flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const longest = Math.max(...group.map(({ forMs = 0 }) => forMs));
    const classes = [...new Set(group.map(({ edge }) => edge.split(' ')[0] ?? ''))].join(', ');
    const names = group.map(({ edge }) => edge);
    const head =
      first.verdict === 'blip'
        ? `blip: ${count(group.length, 'edge')} (${classes}) for about ${writeDuration(longest)} each, and back by themselves`
        : `${first.verdict}${first.isAccepted === true ? ' (accepted)' : ''}: ${all || names.length === 1 ? count(names.length, 'edge') : `${count(names.length, 'edge')}, ${names[0] ?? ''} and others`}${names.length === 1 ? ` ${names[0] ?? ''}` : ''}: ${first.why}`;
    return [say[first.verdict](head), ...(all ? names.map((name) => c.dim(`  ${name}`)) : [])];
  });
}

export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}

function shortList(names: readonly string[]): string {
  return names.length > 6 ? `${names.slice(0, 4).join(', ')} and ${names.length - 4} more` : names.join(', ');
}
