/** A whole plan in one moment: of each line the worst that ever happens to it. */

import type { LegView, LineView, Moment, Picture } from './picture.js';
import { verdictsByWeight, worse } from './verdicts.js';

/** Boxes are as they are now. Totals count edges at their worst moment, a line at a time. */
export function overviewOf(picture: Picture): Moment {
  const [now, ...steps] = picture.moments;
  if (now === undefined || steps.length === 0)
    return now ?? { step: 'now', title: '', lines: new Map(), boxes: new Map(), totals: new Map(), changes: [], restarts: [], findings: [], standing: [], worst: 'hold' };
  const lines = new Map(picture.lines.map(({ id }) => [id, picture.moments.flatMap((moment) => moment.lines.get(id) ?? []).reduce(worst)]));
  const totals = new Map(verdictsByWeight.map((verdict) => [verdict, 0]));
  for (const { legs } of lines.values()) {
    for (const { leg: _, verdict, edges } of legs) totals.set(verdict, (totals.get(verdict) ?? 0) + edges);
  }
  return { ...now, title: `The worst of all ${steps.length} steps`, lines, totals };
}

function worst(a: LineView, b: LineView): LineView {
  return { verdict: worse(a.verdict, b.verdict), legs: a.legs.map((leg, n) => worstLeg(leg, b.legs[n])) };
}

function worstLeg(a: LegView, b: LegView | undefined): LegView {
  if (b === undefined) return a;
  if (a.verdict === b.verdict) return a.edges >= b.edges ? a : b;
  return worse(a.verdict, b.verdict) === a.verdict ? a : b;
}
