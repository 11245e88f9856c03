/** The table of docs/fidelity.md: made of the behaviours and of what both worlds showed. */

import { isDeepStrictEqual } from 'node:util';
import type { Behaviour, Observed } from './behaviour.js';
import type { Seen } from './report.js';

const marks = ['<!-- the table: made by test/fidelity/write-docs.ts -->', '<!-- end of the table -->'] as const;

export function tableOf(behaviours: readonly Behaviour[], lab: Readonly<Record<string, Seen>>, staging: Readonly<Record<string, Seen>>): string {
  const rows = behaviours.map(({ id, area, rule, title, expected, slow }) => {
    const cells = [
      `\`${id}\`${slow === true ? ' (slow)' : ''}`,
      area,
      title,
      rule,
      words(expected, lab[id]),
      words(expected, staging[id]),
      lab[id] === undefined ? '' : `${lab[id].seconds}`,
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ')).join(' | ')} |`;
  });
  return ['| id | area | behaviour | rule | lab | staging | s on the lab |', '|---|---|---|---|---|---|---|', ...rows].join('\n');
}

function words(expected: Observed, seen: Seen | undefined): string {
  if (seen === undefined) return 'not recorded';
  return isDeepStrictEqual(seen.observed, expected) ? 'so' : `\`${JSON.stringify(seen.observed)}\``;
}

/** The document with another table in it. Throws if it has no place for one. */
export function withTable(document: string, table: string): string {
  const [begin, end] = marks.map((mark) => document.indexOf(mark));
  if (begin === undefined || end === undefined || begin < 0 || end < begin) throw new Error('docs/fidelity.md has no place for the table');
  return `${document.slice(0, begin)}${marks[0]}\n\n${table}\n\n${document.slice(end)}`;
}
