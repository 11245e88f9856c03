/** Runs one case: the fault comes and goes, the run does what it does, the operator does what it says. */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stepOf } from '../../domain/plan/plan.js';
import type { Fact } from '../../domain/run/facts.js';
import type { DriveOptions } from '../drive.js';
import type { CaseResult, FaultCase, Outcome } from './fault-case.js';
import { faultKind, type Struck } from './fault-kinds.js';
import { type ChangedFile, everyFootprint, type Footprint } from './footprint.js';
import { describeEnd, type Excused, isHalted, lostRequests, oneLine, textOf, wrongEnd } from './judge.js';
import type { Lane } from './lane.js';
import { beginsStep } from './lane.js';
import { runEngine } from './run-engine.js';
import { driveStep, isDone, progressOf, type StepEnd } from './step-drive.js';
import { takeBack } from './take-back.js';

interface Verdict {
  readonly outcome: Outcome;
  readonly reason: string;
}

/** How often an operator tries again what the run has told, before it counts as wrong. */
const resumesAtMost = 3;
/** A fault that "stays until the run has halted" does not stay for ever. */
const longestFaultMs = 150_000;

/** The lane must stand before the step. Afterwards it stands before the next one, or nowhere (`position` undefined). */
export async function runCase(lane: Lane, one: FaultCase): Promise<CaseResult> {
  const startedAt = Date.now();
  const index = lane.plan.steps.findIndex(({ id }) => id === one.step);
  lane.position = undefined;
  let verdict: Verdict;
  try {
    verdict = await attempt(lane, one, index);
  } catch (error) {
    verdict = { outcome: 'wrong', reason: textOf(error) };
    await lane.staging.ask('clearFaults', {});
  }
  if (verdict.outcome !== 'wrong' && verdict.outcome !== 'rolled-back') lane.position = index + 1;
  return { fault: one.fault, step: one.step, place: one.place, ...verdict, tookMs: Date.now() - startedAt };
}

async function attempt(lane: Lane, one: FaultCase, index: number): Promise<Verdict> {
  const kind = faultKind(one.fault);
  const footprint = lane.footprints[index] ?? everyFootprint(lane.plan);
  const sinceMs = Date.now();
  const ask: DriveOptions['ask'] = progressOf(lane.folder()).submitted ? 'resume' : 'submit';
  let first: Verdict & { readonly isHalted: boolean };
  let excused: Excused | undefined;
  if (kind.side === 'engine') {
    const { at, news } = await runEngine(lane, one, ask);
    if (news?.wrong !== undefined) return { outcome: 'wrong', reason: news.wrong };
    const isStopped = news !== undefined;
    const isAtEnd = isDoneNow(lane, one);
    first = {
      outcome: isAtEnd ? 'succeeded' : 'halted',
      reason: `${isStopped ? 'stopped' : 'killed'} at "${at}"${isStopped && !isAtEnd ? `: ${news.failures.map(({ code }) => code).join(', ') || news.state}` : ''}`,
      isHalted: !isAtEnd || !isStopped,
    };
  } else {
    const struck = await strike(lane, one, { ask, footprint });
    if (kind.isOutage(footprint, one.place)) excused = { fromMs: struck.setAtMs, toMs: struck.mendedAtMs };
    const wrong = wrongEnd(struck.end);
    if (wrong !== undefined) return { outcome: 'wrong', reason: wrong };
    const told = classed(lane, one, struck);
    const late = struck.missing.length === 0 ? '' : ` (a minute after the fault was gone: ${struck.missing.join('; ')})`;
    first = { ...told, reason: `${told.reason}${late}`, isHalted: isHalted(struck.end) };
  }
  const verdict = first.isHalted ? await goOn(lane, one, first) : first;
  if (verdict.outcome === 'wrong') return verdict;
  if (verdict.outcome !== 'rolled-back' && !isDoneNow(lane, one)) return { outcome: 'wrong', reason: `the step is not at its end: ${verdict.reason}` };
  const unnoticed = verdict.outcome === 'rolled-back' ? undefined : await unnoticedEdit(lane, one, index);
  if (unnoticed !== undefined) return { outcome: 'wrong', reason: `${unnoticed} (${verdict.outcome}: ${verdict.reason})` };
  const lost = lostRequests(lane, sinceMs, excused);
  if (lost.length > 0)
    return {
      outcome: 'wrong',
      reason: `${lost.length} requests to the API failed: ${lost[0]?.place ?? ''}: ${oneLine(lost[0]?.reason ?? '')} (${verdict.outcome}: ${verdict.reason})`,
    };
  return verdict;
}

interface StruckRun {
  readonly end: StepEnd;
  readonly retries: readonly string[];
  readonly setAtMs: number;
  readonly mendedAtMs: number;
  /** Of the cluster, a minute after the fault was taken away. */
  readonly missing: readonly string[];
}

async function strike(lane: Lane, one: FaultCase, { ask, footprint }: { readonly ask: DriveOptions['ask']; readonly footprint: Footprint }): Promise<StruckRun> {
  const kind = faultKind(one.fault);
  const file = fileOf(one, footprint);
  const at: Struck = { place: one.place, moment: one.moment, draw: one.draw, ...(file === undefined ? {} : { file }) };
  const retries: string[] = [];
  let setAtMs = 0;
  let mending: Promise<void> | undefined;
  let setting: Promise<unknown> = Promise.resolve();
  const mend = (): Promise<void> => {
    mending ??= (async () => {
      clearTimeout(cap);
      clearTimeout(passing);
      await setting;
      await lane.staging.ask('clearFaults', {});
    })();
    return mending;
  };
  let passing: NodeJS.Timeout | undefined;
  const cap = setTimeout(() => void mend(), longestFaultMs);
  const set = (): void => {
    if (setAtMs > 0) return;
    setAtMs = Date.now();
    setting = Promise.all(kind.set(at).map((switched) => lane.staging.ask('fault', switched)));
    setting.catch(() => undefined);
    if (one.passesAfterMs !== undefined) passing = setTimeout(() => void mend(), one.passesAfterMs);
  };
  const end = await driveStep({
    folder: lane.folder(),
    plan: lane.plan,
    env: lane.env,
    pace: lane.pace,
    step: one.step,
    ask,
    onFact(fact) {
      if (isMoment(lane, one, fact)) set();
      if (fact.type === 'note' && fact.step === one.step && fact.message.includes('is tried again')) retries.push(fact.message);
    },
  });
  await mend();
  if (isHalted(end) || kind.isAlwaysMended === true) for (const switched of kind.mend?.(at) ?? []) await lane.staging.ask('fault', switched);
  const missing = kind.isHeavy ? await lane.staging.ask('settle', {}) : [];
  return { end, retries, setAtMs, mendedAtMs: Date.now(), missing };
}

function fileOf(one: FaultCase, footprint: Footprint): ChangedFile | undefined {
  const files = footprint.changed[one.place] ?? [];
  return files[Math.floor(one.draw.number('file') * files.length)];
}

/** The running component may have loaded what was written before another hand put the file back: its next start would not. */
async function unnoticedEdit(lane: Lane, one: FaultCase, index: number): Promise<string | undefined> {
  const file = one.moment === 'applied' ? fileOf(one, lane.footprints[index] ?? everyFootprint(lane.plan)) : undefined;
  if (file === undefined) return undefined;
  const folder = join(lane.staging.folder, 'after-step');
  await lane.staging.ask('save', { folder });
  try {
    const now = readFileSync(join(folder, 'nodes', one.place, 'files', file.path)).toString('base64');
    return now === file.before ? `${file.path} was put back by another hand, and nobody has noticed` : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isMoment(lane: Lane, one: FaultCase, fact: Fact): boolean {
  if (one.moment === 'begin') return beginsStep(fact);
  if (fact.type !== 'step.marked' || fact.step !== one.step || fact.mark !== one.moment) return false;
  const targets = stepOf(lane.plan, one.step)?.targets ?? [];
  return fact.target === one.place || !targets.includes(one.place);
}

function classed(lane: Lane, one: FaultCase, { end, retries }: StruckRun): Verdict {
  if (!isDoneNow(lane, one)) return { outcome: 'halted', reason: describeEnd(end) };
  // The step is done and the run stands before the next one all the same: what happened meanwhile holds it there.
  if (isHalted(end)) return { outcome: 'halted', reason: `after the step: ${describeEnd(end)}` };
  const [first] = retries;
  return first === undefined ? { outcome: 'succeeded', reason: '' } : { outcome: 'recovered', reason: oneLine(first) };
}

/** What the operator does who reads what the run says. */
async function goOn(lane: Lane, one: FaultCase, first: Verdict): Promise<Verdict> {
  if (one.goesBack) return takeBack(lane, first.reason);
  let end: StepEnd | undefined;
  for (let tries = 0; tries < resumesAtMost; tries += 1) {
    end = await driveStep({ folder: lane.folder(), plan: lane.plan, env: lane.env, pace: lane.pace, step: one.step, ask: 'resume', onFact: () => undefined });
    const wrong = wrongEnd(end);
    if (wrong !== undefined) return { outcome: 'wrong', reason: `resumed after "${first.reason}": ${wrong}` };
    if (isDoneNow(lane, one) && !isHalted(end)) return { outcome: 'halted', reason: first.reason };
    await lane.staging.ask('settle', {});
  }
  return { outcome: 'wrong', reason: `"resume" does not go on after "${first.reason}": ${end === undefined ? '' : describeEnd(end)}` };
}

function isDoneNow(lane: Lane, one: FaultCase): boolean {
  const targets = stepOf(lane.plan, one.step)?.targets ?? [];
  return isDone(progressOf(lane.folder()), one.step, targets);
}
