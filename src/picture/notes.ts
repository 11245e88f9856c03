/** What there is to read beside a picture: changes, restarts and findings, those that are alike in one note. */

import type { EdgeFinding, PlaceChange, RestartNeed, StepProof } from '../domain/trust/graph.js';
import { groupBy } from '../domain/group-by.js';
import { shortNames, someOf, withoutHost } from './names.js';
import type { Box, Line, Note } from './picture.js';
import { legSigns, verdictSigns, verdictsByWeight } from './verdicts.js';

/** As many explanations as are read. */
const mostDetails = 6;

export function changeNotes(changes: StepProof['changes']): Note[] {
  return groupBy(changes, (change) => JSON.stringify([spot(change).rest, change.sign, change.before, change.after])).map((group) => {
    const [first] = group;
    if (first === undefined) return { text: '', detail: [] };
    const owners = group.map((change) => spot(change).owner).filter((owner) => owner !== '');
    return { text: `${first.sign} ${spot(first).rest}${owners.length === 0 ? '' : `  on ${shortNames(owners)}`}`, detail: [beforeAndAfter(first)] };
  });
}

function beforeAndAfter({ sign, before, after }: PlaceChange): string {
  const list = (names: readonly string[]): string => (names.length === 0 ? 'nothing' : names.join(' + '));
  if (sign === '+' && before.length === 0) return list(after);
  if (sign === '-' && after.length === 0) return `was ${list(before)}`;
  return `${list(before)} → ${list(after)}`;
}

/** The owner is what differs between places that are alike: a host, or the namespace of an object. */
function spot({ place }: PlaceChange): { readonly owner: string; readonly rest: string } {
  const { host, rest } = withoutHost(place);
  if (host !== '') return { owner: host, rest };
  const object = /^(\S+) ([^/\s]+)\/(\S+)(.*)$/s.exec(place);
  return object === null ? { owner: '', rest: place } : { owner: object[2] ?? '', rest: `${object[1]} ${object[3]}${object[4]}` };
}

/** Processes of boxes that are called alike are one note. */
export function restartNotes(restarts: readonly RestartNeed[], { boxOf, nodeOf }: Pick<Ends, 'boxOf' | 'nodeOf'>): Note[] {
  const titleOf = (process: string): string => boxOf.get(process)?.title ?? process;
  return groupBy(restarts, ({ process, done, needed }) => `${titleOf(process)} ${done} ${needed}`).map((group) => {
    const [first] = group;
    if (first === undefined) return { text: '', detail: [] };
    const what = first.done ? (first.needed ? 'starts anew' : 'starts anew, without need') : 'must start anew, and this step does not do it';
    const places = [...new Set(group.map(({ process }) => nodeOf.get(process) ?? process))];
    return {
      ...(first.done ? {} : { verdict: 'latent' as const }),
      text: `${titleOf(first.process)}${group.length > 1 ? ` ×${group.length}` : ''} ${what}: ${shortNames(places)}`,
      detail: someOf(
        [...new Set(group.map(({ because }) => because))].filter((because) => because !== ''),
        mostDetails,
      ),
    };
  });
}

export interface Ends {
  readonly lineOf: ReadonlyMap<string, Line>;
  readonly boxes: ReadonlyMap<string, Box>;
  readonly legOf: ReadonlyMap<string, Line['legs'][number]>;
  /** By process. */
  readonly boxOf: ReadonlyMap<string, Box>;
  readonly nodeOf: ReadonlyMap<string, string>;
}

/** The worst first. */
export function findingNotes(findings: readonly EdgeFinding[], { lineOf, boxes, legOf }: Ends): Note[] {
  const notes = groupBy(findings, ({ edge, verdict }) => `${lineOf.get(edge)?.id ?? edge} ${verdict}`).flatMap((group): Note[] => {
    const [first] = group;
    if (first === undefined) return [];
    const line = lineOf.get(first.edge);
    const legs = new Set(group.flatMap(({ edge }) => legOf.get(edge) ?? []));
    const of = line?.edges.filter((edge) => legs.has(legOf.get(edge) ?? 'server')).length ?? group.length;
    const name = line === undefined ? first.edge : `${line.class} ${boxes.get(line.from)?.title ?? ''} → ${boxes.get(line.to)?.title ?? ''}`;
    const many = of > 1 ? ` (${group.length} of ${of})` : '';
    const accepted = group.every(({ isAccepted }) => isAccepted === true) ? ', accepted' : '';
    return [
      {
        verdict: first.verdict,
        text: `${name}: ${[...legs].map((leg) => legSigns[leg].letter).join(' ')} ${verdictSigns[first.verdict].word}${many}${accepted}`,
        detail: [
          ...someOf([...new Set(group.map(whyOf))], mostDetails),
          ...new Set(group.flatMap(({ nextAction }) => (nextAction === undefined ? [] : [`Next: ${nextAction}`])).slice(0, 1)),
        ],
        ...(line === undefined ? {} : { line: line.id }),
      },
    ];
  });
  const weight = ({ verdict }: Note): number => (verdict === undefined ? -1 : verdictsByWeight.indexOf(verdict));
  return notes.sort((a, b) => weight(b) - weight(a));
}

function whyOf({ why, forMs }: EdgeFinding): string {
  return forMs === undefined ? why : `${why.replace(/\.?$/, '.')} About ${forMs < 1_000 ? `${forMs} ms` : `${Math.round(forMs / 1_000)} s`}.`;
}
