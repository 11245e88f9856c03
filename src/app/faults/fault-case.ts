/** One cell of the table: a fault in a step, with all that was drawn for it, and what came of it. */

import type { PlannedStep } from '../../domain/plan/plan.js';
import { drawNumber, drawOne } from '../../domain/draw.js';
import type { Draw, FaultKind, Moment } from './fault-kinds.js';
import type { Footprint } from './footprint.js';

/**
 * `succeeded`: the fault did not touch it. `recovered`: by trying again. `halted`: with the next command, and that brought the step to its end.
 * `rolled-back`: everything is as before. `untouched`: the fault cannot reach the step. `wrong`: anything else.
 */
export type Outcome = 'succeeded' | 'recovered' | 'halted' | 'rolled-back' | 'untouched' | 'wrong';

export interface FaultCase {
  readonly fault: string;
  readonly step: string;
  readonly place: string;
  readonly moment: Moment;
  /** After so many ms it goes away by itself; undefined: it stays until the run has stopped. */
  readonly passesAfterMs: number | undefined;
  /** Taken back instead of resumed, if it halts. */
  readonly goesBack: boolean;
  readonly draw: Draw;
}

export interface CaseResult {
  readonly fault: string;
  readonly step: string;
  readonly place: string;
  readonly outcome: Outcome;
  /** What the run said, or why it is untouched or wrong. */
  readonly reason: string;
  readonly tookMs: number;
}

export interface Untouched {
  readonly fault: string;
  readonly step: string;
  readonly reason: string;
}

/** Of the cases that can be taken back so many are: the way back from a late step is a whole run. */
const shareBack = 0.06;
const shareThatPasses = 0.35;
/** In the cluster's time; staging divides it by its speed. */
const shortestMs = 8_000;
const longestMs = 45_000;

export interface DrawFor {
  readonly kind: FaultKind;
  readonly step: PlannedStep;
  readonly footprint: Footprint;
  readonly seed: string;
  readonly speed: number;
  /** Named by the operator. */
  readonly target?: string;
}

/** The same seed, fault and step draw the same case. */
export function drawCase({ kind, step, footprint, seed, speed, target }: DrawFor): FaultCase | Untouched {
  const [first, ...others] = kind.places(footprint).filter((place) => target === undefined || place === target);
  if (first === undefined) return { fault: kind.name, step: step.id, reason: target === undefined ? kind.untouched : `at ${target} ${kind.untouched}` };
  const number = (purpose: string): number => drawNumber(seed, `${kind.name} ${step.id} ${purpose}`);
  const one = <Item>(purpose: string, items: readonly [Item, ...Item[]]): Item => drawOne(seed, `${kind.name} ${step.id} ${purpose}`, items);
  // A target of the step itself is nearer to what can go wrong than a node that is only asked.
  const own = [first, ...others].filter((place) => step.targets.includes(place));
  const place = number('own') < 0.8 && own[0] !== undefined ? one('place', [own[0], ...own.slice(1)]) : one('place', [first, ...others]);
  const [firstMoment = 'begin', ...moments] = kind.moments;
  const passes = kind.lasts === 'state' && number('passes') < shareThatPasses;
  return {
    fault: kind.name,
    step: step.id,
    place,
    moment: one('moment', [firstMoment, ...moments]),
    passesAfterMs: passes ? Math.round((shortestMs + number('length') * (longestMs - shortestMs)) / speed) : undefined,
    goesBack: number('back') < shareBack,
    draw: { number },
  };
}

export const isUntouched = (drawn: FaultCase | Untouched): drawn is Untouched => !('place' in drawn);
