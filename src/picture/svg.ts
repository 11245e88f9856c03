/** A picture as SVG: alone with title and legend, or as the part of a page that has all moments in it. */

import { forXml } from './escape.js';
import type { Rect } from './geometry.js';
import type { Layout } from './layout.js';
import { measureLabel } from './measures.js';
import type { Moment, Picture } from './picture.js';
import { px, svgBox, svgFrame, svgLine } from './svg-parts.js';
import { pictureStyle } from './svg-style.js';
import { fitted, textWidth } from './text-size.js';
import { generationSigns, legSigns, verdictSigns } from './verdicts.js';
import { countsOf } from './words.js';

const margin = 16;
const headHeight = 58;

/** The drawing alone: frames below ways below boxes below labels. */
export function drawing(picture: Picture, layout: Layout, moments: readonly Moment[]): string {
  const lines = picture.lines.flatMap((line) => {
    const path = layout.lines.get(line.id);
    return path === undefined ? [] : svgLine(line, { path, picture, moments, labelWidth: measureLabel(line, picture).width });
  });
  return [
    ...picture.frames.map((frame) => drawn(layout.frames.get(frame.id), (rect) => svgFrame(frame, rect))),
    ...lines.map(({ way }) => way),
    ...picture.boxes.map((box) => drawn(layout.boxes.get(box.id), (rect) => svgBox(box, rect, picture, moments))),
    ...lines.map(({ label }) => label),
  ].join('\n');
}

function drawn(place: Rect | undefined, draw: (place: Rect) => string): string {
  return place === undefined ? '' : draw(place);
}

/** A whole file, of one moment. */
export function svgOf(picture: Picture, layout: Layout, moment: Moment): string {
  const legend = legendOf(picture, Math.max(layout.width, 760));
  const width = Math.max(layout.width, 760) + 2 * margin;
  const height = headHeight + layout.height + legend.height + 3 * margin;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" class="picture" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">`,
    `<title id="title">${forXml(`${picture.title}. ${moment.title}`)}</title>`,
    `<style>${pictureStyle('svg')}</style>`,
    '<rect class="ground" width="100%" height="100%"/>',
    `<text class="title" x="${margin}" y="${margin + 14}">${forXml(fitted(picture.title, 16, width - 2 * margin))}</text>`,
    `<text class="subtitle soft" x="${margin}" y="${margin + 34}">${forXml(fitted(`${moment.title} · ${countsOf(moment)}`, 12, width - 2 * margin))}</text>`,
    `<g transform="translate(${margin} ${headHeight + margin / 2})">${drawing(picture, layout, [moment])}</g>`,
    `<g class="legend" transform="translate(${margin} ${headHeight + layout.height + 2 * margin})">${legend.svg}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

interface Legend {
  readonly svg: string;
  readonly height: number;
}

/** Entries beside each other, in as many rows as they need. */
function legendOf(picture: Picture, width: number): Legend {
  const parts: string[] = [];
  let [x, y] = [0, 12];
  const put = (needed: number, draw: (x: number, y: number) => string): void => {
    if (x > 0 && x + needed > width) [x, y] = [0, y + 20];
    parts.push(draw(x, y));
    x += needed + 22;
  };
  const newRow = (): void => {
    if (x > 0) [x, y] = [0, y + 22];
  };
  for (const [name, { symbol, word, means }] of Object.entries(verdictSigns)) {
    const text = `${symbol} ${word}: ${means}`;
    put(
      40 + textWidth(text, 11),
      (at, line) => `<g class="v-${name} line"><path class="way" d="M${px(at)},${px(line - 4)}h32"/></g><text x="${px(at + 40)}" y="${px(line)}">${forXml(text)}</text>`,
    );
  }
  newRow();
  for (const ca of picture.cas) {
    const { symbol, word } = generationSigns[ca.generation];
    const text = fitted(` ${ca.name}${ca.generation === 'other' ? '' : ` (${word})`}`, 11, width - 30);
    put(14 + textWidth(text, 11), (at, line) => `<text x="${px(at)}" y="${px(line)}"><tspan class="g-${ca.generation}">${symbol}</tspan>${forXml(text)}</text>`);
  }
  newRow();
  for (const { letter, means } of Object.values(legSigns)) {
    const text = `${letter}  ${means}`;
    put(textWidth(text, 11), (at, line) => `<text class="soft" x="${px(at)}" y="${px(line)}">${forXml(text)}</text>`);
  }
  return { svg: parts.join(''), height: y + 8 };
}
