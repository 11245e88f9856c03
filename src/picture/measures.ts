/** Sizes of boxes and labels, large enough for what they show at any moment: the picture stands still while a plan is replayed. In px. */

import type { Box, Line, Picture } from './picture.js';
import { textWidth } from './text-size.js';
import { badges, boxTitle, legWords, lineTitle, markWords } from './words.js';

export const fontSizes = { title: 13, mark: 11, label: 11, frame: 13 } as const;
export const rowHeight = 16;
/** Inside of a box, left and right. */
export const padding = 9;
/** Of the words "trusts" and "presents". */
export const rowLabelWidth = 54;
/** Between two marks. */
export const markGap = 9;
const widest = 330;

export interface BoxMeasure {
  readonly width: number;
  readonly height: number;
  readonly rows: readonly ('trusts' | 'presents' | 'badges')[];
}

export function measureBox(box: Box, { moments }: Picture): BoxMeasure {
  const of = box.processes.length;
  const views = moments.flatMap((moment) => moment.boxes.get(box.id) ?? []);
  const rows = [
    ...(views.some(({ trusts }) => trusts.length > 0) ? (['trusts'] as const) : []),
    ...(views.some(({ presents }) => presents.length > 0) ? (['presents'] as const) : []),
    ...(views.some((view) => badges(view, of).length > 0) ? (['badges'] as const) : []),
  ];
  const markRows = views.flatMap(({ trusts, presents }) => [trusts, presents]).map((marks) => rowLabelWidth + marksWidth(markWords(marks, of).map(({ text }) => text)));
  const badgeRows = views.map((view) => marksWidth(badges(view, of)));
  const inner = Math.max(textWidth(boxTitle(box), fontSizes.title) * 1.06, ...markRows, ...badgeRows, 90);
  return { width: Math.ceil(Math.min(inner, widest) + 2 * padding), height: 24 + rows.length * rowHeight + (rows.length > 0 ? 5 : 2), rows };
}

function marksWidth(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + textWidth(text, fontSizes.mark) + markGap, 0);
}

export interface LabelMeasure {
  readonly width: number;
  readonly height: number;
}

export function measureLabel(line: Line, { moments }: Picture): LabelMeasure {
  const legs = moments.map((moment) => (moment.lines.get(line.id)?.legs ?? []).map((leg) => textWidth(legWords(leg), fontSizes.label) + 7).reduce((a, b) => a + b, 0));
  return { width: textWidth(lineTitle(line), fontSizes.label) + Math.max(0, ...legs) + 12, height: 18 };
}
