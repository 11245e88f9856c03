/** Durations as they are written in playbooks and flags: Go's form, `90s`, `1h30m`, `250ms`. */

import { z } from 'zod';

const unitMs: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const unitOrder = Object.keys(unitMs);
const wrongUnits = new Map(
  Object.entries({
    d: 'there are no days, because a day is not always 24 h: write hours',
    w: 'there are no weeks: write hours',
    y: 'there are no years: write hours (8760h)',
    min: 'minutes are "m"',
    sec: 's is enough for seconds',
    us: 'nothing here is measured in microseconds',
    ns: 'nothing here is measured in nanoseconds',
  }),
);

/** Whole milliseconds, or in words what is wrong and what to write. Units large to small, each once, no fractions, no sign. */
export function readDuration(text: string): { readonly ms: number } | { readonly wrong: string } {
  if (/^\d+$/.test(text)) return { wrong: `"${text}" has no unit: write "${text}s" for seconds or "${text}m" for minutes` };
  if (/^-/.test(text)) return { wrong: `"${text}" is negative` };
  if (/[.,]\d/.test(text)) return { wrong: `"${text}" is a fraction: write the smaller unit, "1h30m" instead of "1.5h"` };
  const parts = [...text.matchAll(/(\d+)([a-zA-Zµ]+)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return { wrong: `"${text}" is not a duration: write "90s", "1h30m" or "250ms"` };
  let ms = 0;
  let last = -1;
  for (const [, amount, unit] of parts) {
    const rank = unitOrder.indexOf(unit!);
    if (rank < 0) return { wrong: `"${unit}" is not a unit: ${wrongUnits.get(unit!) ?? 'h, m, s and ms are'}` };
    if (rank <= last) return { wrong: `"${text}" has its units out of order: large to small, each once, "1h30m"` };
    last = rank;
    ms += Number(amount) * unitMs[unit!]!;
  }
  return ms <= Number.MAX_SAFE_INTEGER ? { ms } : { wrong: `"${text}" is longer than can be counted` };
}

/** The other way round: `5400000` is `1h30m`, 0 is `0s`. */
export function writeDuration(ms: number): string {
  let left = Math.max(0, Math.round(ms));
  let text = '';
  for (const unit of unitOrder) {
    const amount = Math.floor(left / unitMs[unit]!);
    left -= amount * unitMs[unit]!;
    if (amount > 0) text += `${amount}${unit}`;
  }
  return text === '' ? '0s' : text;
}

/** Schema of a parameter that is a duration: text in, whole milliseconds out. A default is given with `prefault('10m')`. */
export const duration = z
  .string({ error: (issue) => (typeof issue.input === 'number' ? `a duration has a unit: write "${issue.input}s" for seconds or "${issue.input}m" for minutes` : undefined) })
  .regex(/^\d/, { error: 'is not a duration: write "90s", "1h30m" or "250ms"', abort: true })
  .transform((text, context): number => {
    const read = readDuration(text);
    if ('ms' in read) return read.ms;
    context.addIssue({ code: 'custom', message: read.wrong });
    return z.NEVER;
  });
