/** Jobs of one call of systemctl: all at once, but for the order that the units themselves ask for (systemd.unit(5), After=). */

import type { Unit } from './staging-node.js';
import { stateOf } from './unit-properties.js';

export type JobVerb = 'start' | 'stop' | 'restart';

/** What went wrong, by unit, in the words that follow "failed". Resolves when every job has ended. */
export async function runJobs(verb: JobVerb, units: ReadonlyMap<string, Unit>): Promise<ReadonlyMap<string, string>> {
  const failures = new Map<string, string>();
  const isAfter = (name: string, other: string): boolean => (units.get(name)?.facts?.().after ?? []).includes(other);

  if (verb !== 'start') {
    await inOrder(
      [...units.keys()],
      (name, other) => isAfter(other, name),
      async (name) => {
        const unit = units.get(name);
        // One that waits for its next start is stopped, too: it does not come any more.
        if (unit !== undefined && stateOf(unit)[0] !== 'inactive') await unit.stop();
      },
    );
  }
  if (verb !== 'stop') {
    await inOrder([...units.keys()], isAfter, async (name) => {
      const unit = units.get(name);
      if (unit === undefined || stateOf(unit)[0] === 'active') return;
      try {
        await unit.start();
      } catch (error) {
        failures.set(name, error instanceof Error ? error.message : String(error));
      }
    });
  }
  return failures;
}

/** Each job waits for those that `waitsFor` names; units that wait for each other do not wait. */
function inOrder(names: readonly string[], waitsFor: (name: string, other: string) => boolean, act: (name: string) => Promise<void>): Promise<unknown> {
  const begun = new Map<string, Promise<void>>();
  const begin = (name: string, waiting: readonly string[]): Promise<void> => {
    const known = begun.get(name);
    if (known !== undefined) return known;
    const others = names.filter((other) => other !== name && !waiting.includes(other) && waitsFor(name, other));
    const job = Promise.all(others.map((other) => begin(other, [...waiting, name]))).then(() => act(name));
    begun.set(name, job);
    return job;
  };
  return Promise.all(names.map((name) => begin(name, [])));
}
