/** Where the time of a run went, read off the facts that it printed. */

import type { TimedFact } from './program.js';

export interface StepTime {
  readonly step: string;
  readonly seconds: number;
  /** In the order in which they were: `apply 3.1, verify 12.0`. */
  readonly phases: string;
}

/** A wait for proof: what for, by which reload rule, and how long. */
export interface WaitTime {
  readonly step: string;
  readonly target: string;
  readonly what: string;
  readonly rule: string;
  readonly seconds: number;
  readonly endedAtMs: number;
}

export function totalSeconds(facts: readonly TimedFact[]): number {
  const [first, last] = [facts[0], facts.at(-1)];
  return first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1000;
}

export function stepTimes(facts: readonly TimedFact[]): StepTime[] {
  const steps = new Map<string, { ms: number; phases: string[] }>();
  for (const { fact } of facts) {
    if (fact.type !== 'phase.ended') continue;
    const known = steps.get(fact.step) ?? { ms: 0, phases: [] };
    known.ms += fact.ms;
    if (fact.ms >= 100) known.phases.push(`${fact.phase} ${(fact.ms / 1000).toFixed(1)}`);
    steps.set(fact.step, known);
  }
  return [...steps].map(([step, { ms, phases }]) => ({ step, seconds: ms / 1000, phases: phases.join(', ') }));
}

const proved = /^(?<what>.*): proved after (?<seconds>[\d.]+) s \(rule: (?<rule>.*)\)$/s;

export function waitTimes(facts: readonly TimedFact[]): WaitTime[] {
  return facts.flatMap(({ atMs, fact }) => {
    if (fact.type !== 'note') return [];
    const found = proved.exec(fact.message)?.groups;
    if (found === undefined) return [];
    return [{ step: fact.step, target: fact.target, what: found.what ?? '', rule: found.rule ?? '', seconds: Number(found.seconds), endedAtMs: atMs }];
  });
}

/**
 * Seconds in which nothing rolled but workloads of this namespace: the roll of the test's own workloads, which says
 * nothing about rotate-ca. Rolls of other workloads at the same time are not taken off.
 */
export function rollSeconds(facts: readonly TimedFact[], namespace: string): number {
  const rolls = waitTimes(facts).filter(({ what }) => what.endsWith(' has rolled'));
  const interval = ({ endedAtMs, seconds }: WaitTime): Interval => ({ from: endedAtMs - seconds * 1000, to: endedAtMs });
  const own = merged(rolls.filter(({ what }) => what.includes(` ${namespace}/`)).map(interval));
  const others = merged(rolls.filter(({ what }) => !what.includes(` ${namespace}/`)).map(interval));
  const length = (intervals: readonly Interval[]): number => intervals.reduce((sum, { from, to }) => sum + to - from, 0);
  const overlap = own.flatMap((a) => others.map((b) => ({ from: Math.max(a.from, b.from), to: Math.min(a.to, b.to) })).filter(({ from, to }) => to > from));
  return (length(own) - length(overlap)) / 1000;
}

interface Interval {
  readonly from: number;
  readonly to: number;
}

function merged(intervals: readonly Interval[]): Interval[] {
  const sum: Interval[] = [];
  for (const next of [...intervals].sort((a, b) => a.from - b.from)) {
    const last = sum.at(-1);
    if (last !== undefined && next.from <= last.to) sum[sum.length - 1] = { from: last.from, to: Math.max(last.to, next.to) };
    else sum.push(next);
  }
  return sum;
}

/** The longest waits first, then every step: for people. */
export function formatRunFigures(facts: readonly TimedFact[]): string {
  const waits = waitTimes(facts).filter(({ seconds }) => seconds >= 0.5);
  const width = Math.max(8, ...stepTimes(facts).map(({ step }) => step.length));
  return [
    'time by step:',
    ...stepTimes(facts).map(({ step, seconds, phases }) => `  ${step.padEnd(width)} ${seconds.toFixed(1).padStart(7)} s  ${phases}`),
    'waits of half a second and more, with the rule behind them and the proof that ended them:',
    ...waits.map(({ step, target, what, rule, seconds }) => `  ${seconds.toFixed(1).padStart(6)} s  ${step} ${target}: ${what}  [${rule}]`),
  ].join('\n');
}
