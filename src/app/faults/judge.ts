/** Whether a case ended as it may: nothing unknown, the API never lost, and a way on for whoever reads the failures. */

import type { Failure } from '../../domain/errors.js';
import type { Availability, Failed } from '../rehearse-availability.js';
import type { MachineStalls } from './machine-stalls.js';
import type { StepEnd } from './step-drive.js';

/** What is wrong with it as an end; undefined: it is one that can be gone on from. */
export function wrongEnd(end: StepEnd): string | undefined {
  if ('defect' in end) return `a defect: ${textOf(end.defect)}`;
  if ('failures' in end) return wrongFailures(end.failures);
  const { view } = end;
  if (view.defect !== undefined && view.defect !== null) return `the run is ${view.value}: ${textOf(view.defect)}`;
  if (view.isBusy) return `the run was left while it was ${view.value}`;
  if (!isHalted(end)) return undefined;
  return wrongFailures(failuresOfEnd(end));
}

export function isHalted(end: StepEnd): boolean {
  return 'failures' in end || ('view' in end && (view(end).endsWith('halted') || view(end) === 'failed'));
}

export function failuresOfEnd(end: StepEnd): readonly Failure[] {
  if ('failures' in end) return end.failures;
  if (!('view' in end)) return [];
  const { failure, guard } = end.view.progress;
  return [...(failure?.failures ?? []), ...(guard === null ? [] : [guard.failure])];
}

/** For people: what the run says. */
export function describeEnd(end: StepEnd): string {
  if ('defect' in end) return `a defect: ${textOf(end.defect)}`;
  const failures = failuresOfEnd(end);
  const state = 'view' in end ? end.view.value : 'not begun';
  if (failures.length === 0) return state;
  return failures.map(({ code, target, summary, cause }) => oneLine(`${code} at ${target}: ${summary}${cause === '' ? '' : `: ${cause}`}`)).join('; ');
}

function wrongFailures(failures: readonly Failure[]): string | undefined {
  if (failures.length === 0) return 'it halted and says no reason';
  for (const one of failures) {
    const missing = (['code', 'target', 'summary', 'cause', 'nextAction'] as const).filter((part) => one[part].trim() === '');
    if (missing.length > 0) return `a failure says no ${missing.join(' and no ')}: ${oneLine(JSON.stringify(one))}`;
    if (one.code === 'internal') return `a defect: ${oneLine(JSON.stringify(one))}`;
  }
  return undefined;
}

export interface Excused {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Requests that failed since then, without those that were under way in a time in which the fault itself was an outage. One that was not answered
 * within its second while the machine gave nobody his time is the machine's: several clusters share it with everything else.
 */
export function lostRequests(lane: { readonly availability: Availability; readonly stalls: MachineStalls }, sinceMs: number, excused: Excused | undefined): readonly Failed[] {
  return lane.availability
    .failures()
    .filter(({ atMs, untilMs }) => atMs >= sinceMs && (excused === undefined || untilMs < excused.fromMs || atMs > excused.toMs))
    .filter((one) => !isUnanswered(one) || !lane.stalls.between(one.atMs, one.atMs + probeDeadlineMs));
}

const probeDeadlineMs = 1_000;

function isUnanswered({ reason }: Failed): boolean {
  return reason.includes('ETIMEDOUT');
}

function view(end: Extract<StepEnd, { view: unknown }>): string {
  return end.view.value;
}

/** With the stack: whoever reads it looks for a defect. */
export function textOf(error: unknown): string {
  return oneLine(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

export function oneLine(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ');
  return line.length <= 600 ? line : `${line.slice(0, 600)}…`;
}
