/** One static pod: its container is made anew when it ends, at once the first time, then with a growing pause (crash loop back-off). */

import type { Components, StagingContext } from '../component.js';
import type { StagingNode } from '../node/staging-node.js';
import { timings } from '../timings.js';
import { type Container, startContainer } from './container.js';
import type { StaticManifest } from './static-manifest.js';

export interface StaticPod {
  readonly manifest: StaticManifest;
  /** undefined: none was made yet. */
  readonly container: Container | undefined;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly isWaiting: boolean;
  /** The kubelet looks after it (again). Without one, what ends stays ended. */
  attend(onChange: () => void): void;
  leave(): void;
  /** Ends it for good. */
  terminate(): Promise<void>;
  /** The node has lost its power: at once, without order. */
  cut(): Promise<void>;
}

export interface StaticPodParts {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly components: Components;
  readonly manifest: StaticManifest;
  readonly now: () => number;
}

/** Back-off never grows beyond this, and is forgotten after twice that time of running (k/k pkg/kubelet/kubelet.go MaxContainerBackOff). */
const longestBackOffMs = 300_000;

export function createStaticPod(parts: StaticPodParts): StaticPod {
  const { context, node, manifest, now } = parts;
  const { clock } = context;
  let container: Container | undefined;
  let restarts = 0;
  let inARow = 0;
  let isOver = false;
  let isWaiting = true;
  let notify: (() => void) | undefined;
  let cancelNext: () => void = () => undefined;

  function make(): void {
    if (isOver || notify === undefined || !node.isOn) return;
    isWaiting = false;
    if (container !== undefined) restarts++;
    const made = startContainer({ ...parts, restarts });
    container = made;
    const startedMs = clock.now();
    void made.ended.then(() => {
      if (isOver || container !== made) return;
      if (clock.now() - startedMs > (2 * longestBackOffMs) / clock.speed) inARow = 0;
      isWaiting = true;
      notify?.();
      again();
    });
    notify();
    // Readiness is asked by a probe each second.
    const seen = clock.every(1000, () => {
      if (made.isEnded) return seen();
      if (!made.isReady) return;
      seen();
      notify?.();
    });
  }

  function again(): void {
    if (notify === undefined || isOver) return;
    const pauseMs = inARow === 0 ? 0 : Math.min(timings.crashLoopMs * 2 ** (inARow - 1), longestBackOffMs);
    inARow++;
    cancelNext();
    cancelNext = clock.after(pauseMs, make);
  }

  return {
    manifest,
    get container() {
      return container;
    },
    get restarts() {
      return restarts;
    },
    get startedAtMs() {
      return container?.startedAtMs ?? now();
    },
    get isWaiting() {
      return isWaiting;
    },
    attend(onChange) {
      notify = onChange;
      if (container === undefined) cancelNext = clock.after(timings.staticPodStartMs, make);
      else if (container.isEnded) again();
      else onChange();
    },
    leave() {
      notify = undefined;
      cancelNext();
    },
    async terminate() {
      isOver = true;
      notify = undefined;
      cancelNext();
      if (container === undefined || container.isEnded) return;
      await clock.wait(timings.staticPodStopMs);
      await container.stop();
    },
    async cut() {
      cancelNext();
      notify = undefined;
      await container?.stop();
    },
  };
}
