/** How much room a text takes, without a font at hand: rather too much than too little. */

import { oneLine } from './escape.js';

/** Widths in parts of the size of the font, as in DejaVu Sans, the widest of those that stand in for each other (Arial, Liberation Sans, Segoe UI). */
function widthOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (/\p{M}/u.test(character)) return 0;
  if (code >= 0x1100 && /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Extended_Pictographic}\uff00-\uff60]/u.test(character)) return 1.25;
  if (/[iljt.,:;'|!()[\]{} fIr/\\-]/.test(character)) return 0.4;
  if (/[mwMWO@%—…→×]/.test(character)) return 0.95;
  return /[A-Z●◆■○✓]/.test(character) ? 0.74 : 0.64;
}

/** In px. */
export function textWidth(text: string, size: number): number {
  let sum = 0;
  for (const character of oneLine(text)) sum += widthOf(character);
  return Math.ceil(sum * size);
}

/** The text, or its beginning and its end with an ellipsis between, so that it fits: names differ at their ends. */
export function fitted(text: string, size: number, width: number): string {
  const clean = oneLine(text);
  if (textWidth(clean, size) <= width) return clean;
  const characters = [...clean];
  for (let keep = characters.length - 1; keep > 2; keep--) {
    const head = Math.ceil(keep / 2);
    const short = `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (keep - head)).join('')}`;
    if (textWidth(short, size) <= width) return short;
  }
  return '…';
}
