/** A picture in Graphviz' language, of one moment: for those who lay it out, or change it, themselves. */

import { forDot, forXml } from './escape.js';
import type { Box, Moment, Picture } from './picture.js';
import { generationSigns, verdictSigns } from './verdicts.js';
import { badges, boxTitle, classWords, countsOf, lineWords, markWords } from './words.js';

const edgeStyles = { unverified: 'dotted', hold: 'solid', blip: 'dashed', latent: 'dashed', cut: 'dotted', break: 'bold' } as const;

export function dotOf(picture: Picture, moment: Moment): string {
  const boxes = (frame: string, indent: string): string[] => picture.boxes.filter((box) => box.frame === frame).map((box) => `${indent}${box.id} [label=${label(box, moment)}];`);
  return [
    'digraph "rotate-ca" {',
    `  graph [rankdir=LR, labelloc=t, labeljust=l, fontname="Helvetica", label=${forDot(`${picture.title}\n${moment.title}: ${countsOf(moment)}`)}];`,
    '  node [shape=box, style="rounded,filled", fillcolor="white", fontname="Helvetica", fontsize=11];',
    '  edge [fontname="Helvetica", fontsize=10];',
    ...picture.frames.flatMap(({ id, title }) =>
      title === ''
        ? boxes(id, '  ')
        : [`  subgraph "cluster_${id}" {`, `    graph [label=${forDot(title)}, style="rounded,filled", fillcolor="#f3f5f8", color="#c5ccd6"];`, ...boxes(id, '    '), '  }'],
    ),
    ...picture.lines.map((line) => {
      const view = moment.lines.get(line.id) ?? { verdict: 'hold', legs: [] };
      const { light, width } = verdictSigns[view.verdict];
      const about = `${line.class}: ${classWords[line.class] ?? ''}`;
      return `  ${line.from} -> ${line.to} [label=${forDot(lineWords(line, view))}, tooltip=${forDot(about)}, color="${light}", fontcolor="${light}", penwidth=${width}, style=${edgeStyles[view.verdict]}];`;
    }),
    '}',
    '',
  ].join('\n');
}

/** An HTML-like label: CAs have the colour of their generation. */
function label(box: Box, moment: Moment): string {
  const of = box.processes.length;
  const view = moment.boxes.get(box.id);
  const end = '<BR ALIGN="LEFT"/>';
  const row = (name: 'trusts' | 'presents'): string[] => {
    const marks = markWords(view?.[name] ?? [], of).map(({ generation, text }) => `<FONT COLOR="${generationSigns[generation].light}">${forXml(text)}</FONT>`);
    return marks.length === 0 ? [] : [`${name}  ${marks.join('  ')}`];
  };
  const rows = [`<B>${forXml(boxTitle(box)) || ' '}</B>`, ...row('trusts'), ...row('presents'), ...(view === undefined ? [] : badges(view, of).map(forXml))];
  return `<${rows.map((text) => text.replaceAll('\n', ' ') + end).join('')}>`;
}
