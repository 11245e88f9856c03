/** Watches the API while a run is going on: the run is held before the next target as soon as the API is gone. */

import { failure } from '../domain/errors.js';
import type { Fact } from '../domain/run/facts.js';
import type { Prober, ProbeResult } from '../ports/prober.js';

export interface GuardOptions {
  readonly prober: Prober;
  readonly run: { readonly state: () => { readonly isWithoutApi: boolean; can(fact: Fact): boolean }; readonly decide: (fact: Fact) => void };
  /** Failures in a row at one place after which the API counts as gone; default 3. */
  readonly failuresInARow?: number;
  /** Successes in a row after which it counts as back; default 3. */
  readonly successesInARow?: number;
  /** Told when a fact could not be written; the run itself finds out at its next fact. */
  readonly onError?: (error: unknown) => void;
}

interface Place {
  failures: number;
  successes: number;
  isGone: boolean;
}

/** Starts to probe. The result ends it and resolves when no probe is in flight. Facts that the run does not take any more (it has ended) are not written. */
export function watchApi(options: GuardOptions): () => Promise<void> {
  const { prober, run, failuresInARow = 3, successesInARow = 3 } = options;
  const places = new Map<string, Place>();
  let isStopped = false;

  function say(fact: Fact): void {
    if (isStopped || !run.state().can(fact)) return;
    try {
      run.decide(fact);
    } catch (error) {
      options.onError?.(error);
    }
  }

  function take(result: ProbeResult): void {
    // Counted anew afterwards: what failed on purpose says nothing about what comes then.
    if (run.state().isWithoutApi) {
      places.clear();
      return;
    }
    const place = places.get(result.place) ?? { failures: 0, successes: 0, isGone: false };
    places.set(result.place, place);
    place.failures = result.isOk ? 0 : place.failures + 1;
    place.successes = result.isOk ? place.successes + 1 : 0;
    const wasGone = isAnyGone();
    if (place.failures >= failuresInARow) place.isGone = true;
    if (place.successes >= successesInARow) place.isGone = false;
    if (!wasGone && isAnyGone()) say({ type: 'guard.tripped', failure: wentAway(result, place.failures) });
    if (wasGone && !isAnyGone()) say({ type: 'guard.cleared' });
  }

  function isAnyGone(): boolean {
    return [...places.values()].some((place) => place.isGone);
  }

  prober.start(take);
  return () => {
    isStopped = true;
    return prober.stop();
  };
}

function wentAway(result: ProbeResult, inARow: number) {
  return failure('api-went-away', {
    target: result.place,
    summary: `${inARow} probes of the API in a row failed`,
    cause: result.reason,
    nextAction: 'Find out why; then run "rotate-ca resume RUN" when it answers again, or "rotate-ca rollback RUN"',
  });
}
