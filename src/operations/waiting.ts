/** Waiting for proof instead of sleeping: ask until it holds, say what was waited for and what ended it. */

import { type Failure, failure, failuresOf } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';

export interface Wait {
  /** What must become true, as it is told to the operator: "kube-apiserver accepts the incoming CA". */
  readonly what: string;
  /** The reload rule behind the wait: "H: inotify, re-check every 60 s". */
  readonly rule: string;
  readonly everyMs: number;
  /** The failure if it does not come true in time. */
  readonly otherwise: Pick<Failure, 'code' | 'nextAction'>;
}

/** `true` ends the wait; text says what is still missing. */
export type Answer = true | string;

/** What is left of the phase's deadline, at least 1 ms. */
export function msLeft(site: Pick<Site, 'deadlineAtMs' | 'now'>, atMostMs = Number.POSITIVE_INFINITY): number {
  return Math.max(1, Math.min(site.deadlineAtMs - site.now(), atMostMs));
}

/** For one call of a port: ends with the phase, by its deadline and by its signal, and after `atMostMs` in any case. */
export function limitsOf(site: Pick<Site, 'deadlineAtMs' | 'now' | 'signal'>, atMostMs: number): { readonly deadlineMs: number; readonly signal: AbortSignal } {
  return { deadlineMs: msLeft(site, atMostMs), signal: site.signal };
}

/**
 * Asks until the answer is `true` or the phase's deadline has passed.
 * An expected failure of the question itself (a server that is just restarting) counts as "not yet" if it is retryable.
 * Returns the failure, with the last answer as its cause.
 */
export async function waitFor(site: Site, wait: Wait, ask: () => Promise<Answer>): Promise<Failure[]> {
  const startedAt = site.now();
  let last: string;
  for (;;) {
    const answer = await askOnce(ask);
    if (answer === true) {
      site.tell(`${wait.what}: proved after ${seconds(site.now() - startedAt)} (rule: ${wait.rule})`);
      return [];
    }
    last = answer;
    if (site.now() + wait.everyMs >= site.deadlineAtMs) break;
    await site.wait(wait.everyMs);
  }
  return [
    failure(wait.otherwise.code, {
      target: site.target,
      summary: `waited ${seconds(site.now() - startedAt)} for: ${wait.what}`,
      cause: last,
      nextAction: wait.otherwise.nextAction,
    }),
  ];
}

async function askOnce(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined || failures.length === 0 || !failures.every((f) => f.retryable)) throw error;
    return failures.map((f) => `${f.summary}: ${f.cause}`).join('; ');
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
