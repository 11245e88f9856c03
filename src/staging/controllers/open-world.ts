/** Opens what the controllers share for one term of leading, and closes it again. */

import type { StagingContext } from '../component.js';
import type { StagingClient } from '../client/staging-client.js';
import type { ControllerWorld } from './controller-world.js';
import { kubeCalls } from './kube-calls.js';
import { type ObjectCache, watchObjects } from './object-cache.js';
import type { SigningPair } from './signing-pair.js';
import { createWorkQueue, type WorkQueue } from './work-queue.js';

export interface WorldParts {
  readonly context: StagingContext;
  readonly client: StagingClient;
  readonly now: () => number;
  readonly log: (line: string) => void;
  readonly rootCa: string | undefined;
  readonly tokenKeyPem: string | undefined;
  readonly signer: SigningPair | undefined;
  readonly signingDurationMs: number;
}

export function openWorld(parts: WorldParts): ControllerWorld & { close(): void } {
  const { context, client, log } = parts;
  const caches = new Map<string, ObjectCache>();
  const queues: WorkQueue[] = [];
  const cancels: (() => void)[] = [];
  let isClosed = false;

  return {
    context,
    kube: kubeCalls(client),
    now: parts.now,
    log,
    rootCa: parts.rootCa,
    tokenKeyPem: parts.tokenKeyPem,
    signer: parts.signer,
    signingDurationMs: parts.signingDurationMs,
    cache(kind) {
      const known = caches.get(kind);
      if (known !== undefined) return known;
      const made = watchObjects(client, kind, { onTrouble: (text) => log(`"Failed to watch" type="${kind}" err="${text}"`) });
      caches.set(kind, made);
      return made;
    },
    queue(name, act, limits) {
      const queue = createWorkQueue({
        clock: context.clock,
        act,
        onTrouble: (text) => log(`"Error syncing" controller="${name}" err="${text}"`),
        ...limits,
      });
      queues.push(queue);
      return queue;
    },
    every(realMs, name, act) {
      let isBusy = false;
      cancels.push(
        context.clock.every(realMs, () => {
          if (isBusy || isClosed) return;
          isBusy = true;
          act()
            .catch((error: unknown) => {
              if (!isClosed) log(`"Error" controller="${name}" err="${error instanceof Error ? error.message : String(error)}"`);
            })
            .finally(() => {
              isBusy = false;
            });
        }),
      );
    },
    close() {
      isClosed = true;
      for (const cancel of cancels) cancel();
      for (const queue of queues) queue.stop();
      for (const cache of caches.values()) cache.stop();
    },
  };
}
