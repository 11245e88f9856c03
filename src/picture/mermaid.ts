/** A picture as a Mermaid flowchart, of one moment: for pages that draw it themselves (GitHub, GitLab, wikis). */

import type { Verdict } from '../domain/trust/graph.js';
import { forMermaid } from './escape.js';
import { groupBy } from '../domain/group-by.js';
import type { Box, Moment, Picture } from './picture.js';
import { generationSigns, verdictSigns, worse } from './verdicts.js';
import { badges, boxTitle, countsOf, lineWords, markWords } from './words.js';

export function mermaidOf(picture: Picture, moment: Moment): string {
  const boxes = (frame: string, indent: string): string[] => picture.boxes.filter((box) => box.frame === frame).map((box) => `${indent}${box.id}[${label(box, moment)}]`);
  const ways = waysOf(picture, moment);
  const { outgoing, incoming } = generationSigns;
  return [
    `%% ${forMermaid(`${picture.title}. ${moment.title}: ${countsOf(moment)}`.replaceAll('\n', ' '))}`,
    'flowchart LR',
    ...picture.frames.flatMap(({ id, title }) => (title === '' ? boxes(id, '  ') : [`  subgraph ${id}[${forMermaid(title)}]`, ...boxes(id, '    '), '  end'])),
    ...ways.map(({ from, to, words }) => `  ${from} -->|${forMermaid(words.join('\n'))}| ${to}`),
    ...ways.map(({ verdict }, n) => {
      const { light, width, dash } = verdictSigns[verdict];
      return `  linkStyle ${n} stroke:${light},stroke-width:${width}px${dash === '' ? '' : `,stroke-dasharray:${dash}`},color:${light}`;
    }),
    `  classDef outgoing stroke:${outgoing.light},stroke-width:2px`,
    `  classDef incoming stroke:${incoming.light},stroke-width:2px`,
    `  classDef both stroke:${incoming.light},stroke-width:2px,stroke-dasharray:6 3`,
    ...picture.boxes.flatMap((box) => {
      const held = generationsOf(box, moment);
      return held === undefined ? [] : [`  class ${box.id} ${held}`];
    }),
    '',
  ].join('\n');
}

interface Way {
  readonly from: string;
  readonly to: string;
  readonly words: readonly string[];
  readonly verdict: Verdict;
}

/** Mermaid draws one line from a box to itself and loses all others: those are one. */
function waysOf(picture: Picture, moment: Moment): Way[] {
  const lines = picture.lines.map((line) => ({ line, view: moment.lines.get(line.id) ?? { verdict: 'hold' as const, legs: [] } }));
  return groupBy(lines, ({ line: { id, from, to } }) => (from === to ? from : id)).map((group) => ({
    from: group[0]?.line.from ?? '',
    to: group[0]?.line.to ?? '',
    words: group.map(({ line, view }) => lineWords(line, view)),
    verdict: group.map(({ view }) => view.verdict).reduce<Verdict>(worse, 'unverified'),
  }));
}

function label(box: Box, moment: Moment): string {
  const of = box.processes.length;
  const view = moment.boxes.get(box.id);
  const row = (name: 'trusts' | 'presents'): string[] => {
    const marks = markWords(view?.[name] ?? [], of);
    return marks.length === 0 ? [] : [`${name} ${marks.map(({ text }) => text).join(' ')}`];
  };
  return forMermaid([boxTitle(box), ...row('trusts'), ...row('presents'), ...(view === undefined ? [] : badges(view, of))].join('\n'));
}

/** Of what a box trusts and presents of the CA that is rotated. */
function generationsOf(box: Box, moment: Moment): 'outgoing' | 'incoming' | 'both' | undefined {
  const view = moment.boxes.get(box.id);
  const held = new Set([...(view?.trusts ?? []), ...(view?.presents ?? [])].map(({ ca }) => ca.generation));
  if (held.has('outgoing')) return held.has('incoming') ? 'both' : 'outgoing';
  return held.has('incoming') ? 'incoming' : undefined;
}
