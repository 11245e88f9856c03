/** Frames, boxes and lines as SVG. What differs between moments is drawn once for each look of it, and says at which moments it is that. */

import { forXml } from './escape.js';
import type { LinePath, Point, Rect } from './geometry.js';
import { fontSizes, markGap, measureBox, padding, rowHeight, rowLabelWidth } from './measures.js';
import { inOrder, someOf } from './names.js';
import type { Box, BoxView, Frame, Line, LineView, Moment, Picture } from './picture.js';
import { fitted, textWidth } from './text-size.js';
import { legSigns, verdictSigns } from './verdicts.js';
import { badges, boxTitle, classWords, legWords, lineTitle, markWords } from './words.js';

/** Names in the text that a pointer over a part shows. */
const mostNames = 12;

export function svgFrame({ title, hosts }: Frame, { x, y, width, height }: Rect): string {
  return `<g class="frame"><title>${forXml(someOf(inOrder(hosts), 40).join('\n'))}</title><rect x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="10"/><text x="${px(x + 12)}" y="${px(y + 20)}">${forXml(fitted(title, fontSizes.frame, width - 20))}</text></g>`;
}

export function svgBox(box: Box, rect: Rect, picture: Picture, moments: readonly Moment[]): string {
  const looks = moments.map((moment) => boxLook(box, moment.boxes.get(box.id), rect, picture));
  const names = someOf(inOrder(box.processes), mostNames).join('\n');
  return `<g class="box" data-box="${box.id}"><title>${forXml(`${boxTitle(box)}\n${names}`)}</title>${variants(looks)}</g>`;
}

function boxLook(box: Box, view: BoxView | undefined, { x, y, width, height }: Rect, picture: Picture): string {
  const of = box.processes.length;
  const { rows } = measureBox(box, picture);
  const inner = width - 2 * padding;
  const isBusy = view !== undefined && (view.restarts > 0 || view.behind > 0);
  const parts = [
    `<rect${isBusy ? ' class="busy"' : ''} x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="5"/>`,
    `<text class="name" x="${px(x + padding)}" y="${px(y + 17)}">${forXml(fitted(boxTitle(box), fontSizes.title, inner))}</text>`,
  ];
  for (const [n, row] of rows.entries()) {
    const baseline = px(y + 24 + n * rowHeight + 10);
    if (row === 'badges') {
      const text = view === undefined ? '' : badges(view, of).join('   ');
      if (text !== '')
        parts.push(`<text class="row t-${view?.behind === 0 ? 'blip' : 'latent'}" x="${px(x + padding)}" y="${baseline}">${forXml(fitted(text, fontSizes.mark, inner))}</text>`);
      continue;
    }
    const marks = markWords(view?.[row] ?? [], of);
    if (marks.length === 0) continue;
    parts.push(`<text class="row soft" x="${px(x + padding)}" y="${baseline}">${row}</text>`);
    let left = rowLabelWidth;
    for (const { generation, text } of marks) {
      const room = inner - left;
      if (room < 20) break;
      const short = fitted(text, fontSizes.mark, room);
      // The symbol has the colour; the words are ink, for they must be read.
      const [symbol = '', ...rest] = short;
      parts.push(`<text class="row" x="${px(x + padding + left)}" y="${baseline}"><tspan class="g-${generation}">${forXml(symbol)}</tspan>${forXml(rest.join(''))}</text>`);
      left += textWidth(short, fontSizes.mark) + markGap;
    }
  }
  return parts.join('');
}

export interface LineContext {
  readonly path: LinePath;
  readonly picture: Picture;
  readonly moments: readonly Moment[];
  readonly labelWidth: number;
}

/** The way and its label apart: labels lie above all ways. */
export function svgLine(line: Line, { path, picture, moments, labelWidth }: LineContext): { readonly way: string; readonly label: string } {
  const titles = new Map(picture.boxes.map((box) => [box.id, boxTitle(box)]));
  const about = `${line.class}: ${classWords[line.class] ?? ''}\n${titles.get(line.from)} → ${titles.get(line.to)}\n${line.connections} connections, ${line.edges.length} edges`;
  const views = moments.flatMap((moment) => moment.lines.get(line.id) ?? []);
  const group = (looks: readonly string[]): string => `<g class="line" data-line="${line.id}" data-ends="${line.from} ${line.to}">${variants(looks)}</g>`;
  return {
    way: group(views.map(({ verdict }) => `<g class="v-${verdict}"><path class="way" d="${curve(path.curve)}"/>${arrow(path, verdictSigns[verdict].width)}</g>`)),
    label: group(views.map((view) => labelLook(line, view, { path, about, labelWidth }))),
  };
}

function labelLook(line: Line, view: LineView, { path, about, labelWidth }: { readonly path: LinePath; readonly about: string; readonly labelWidth: number }): string {
  const legs = view.legs.map((leg) => `${legSigns[leg.leg].means}: ${verdictSigns[leg.verdict].word}, ${leg.edges} of ${leg.of}`).join('\n');
  const { x, y } = path.label;
  const words = view.legs.map((leg) => `<tspan dx="6" class="t-${leg.verdict}">${forXml(legWords(leg))}</tspan>`).join('');
  return [
    `<g class="v-${view.verdict}"><title>${forXml(`${about}\n${legs}`)}</title>`,
    `<rect class="pill" x="${px(x - labelWidth / 2)}" y="${px(y - 9)}" width="${px(labelWidth)}" height="18" rx="9"/>`,
    `<text x="${px(x)}" y="${px(y + 4)}" text-anchor="middle"><tspan class="class">${forXml(lineTitle(line))}</tspan>${words}</text></g>`,
  ].join('');
}

/** Each look once, with the numbers of the moments at which it is shown; the first moment is shown without any script. */
function variants(looks: readonly string[]): string {
  if (looks.length === 1) return looks[0] ?? '';
  const moments = new Map<string, number[]>();
  for (const [at, look] of looks.entries()) moments.set(look, [...(moments.get(look) ?? []), at]);
  if (moments.size === 1) return looks[0] ?? '';
  return [...moments].map(([look, at]) => `<g data-at="${at.join(' ')}"${at.includes(0) ? '' : ' display="none"'}>${look}</g>`).join('');
}

function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  return `M${px(first.x)},${px(first.y)}C${rest.map(({ x, y }) => `${px(x)},${px(y)}`).join(' ')}`;
}

/** From the end of the curve to its tip; wider for thicker lines. */
function arrow({ curve: points, tip }: LinePath, thickness: number): string {
  const from = points.at(-1) ?? tip;
  const length = Math.hypot(tip.x - from.x, tip.y - from.y) || 1;
  const half = 3.2 + thickness * 0.7;
  const [dx, dy] = [((tip.y - from.y) / length) * half, (-(tip.x - from.x) / length) * half];
  return `<path class="tip" d="M${px(tip.x)},${px(tip.y)}L${px(from.x + dx)},${px(from.y + dy)}L${px(from.x - dx)},${px(from.y - dy)}Z"/>`;
}

export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
