/** A control beside the probes of the API: whether the machine gave the processes of the rehearsal their time. */

import type { StagingProcess } from '../rehearse-process.js';

export interface MachineStalls {
  /** Somewhere between the two a question that costs nothing was not answered in time. Unix ms. */
  between(fromMs: number, toMs: number): boolean;
  stop(): void;
}

const everyMs = 150;
/** Undisturbed it is answered within some ms. A request of a probe is several such rounds. */
const longMs = 250;

/** The process of the staging cluster is asked over its own channel: what a rotation does, or a fault, has no part in that. */
export function watchStalls(staging: Pick<StagingProcess, 'ask'>): MachineStalls {
  const stalls: { readonly fromMs: number; readonly toMs: number }[] = [];
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function round(): Promise<void> {
    const fromMs = Date.now();
    const answered = await staging.ask('activity', {}).then(
      () => true,
      () => false,
    );
    const toMs = Date.now();
    if (toMs - fromMs > longMs) stalls.push({ fromMs, toMs });
    const isOver = isStopped || !answered;
    const dueMs = Date.now() + everyMs;
    if (!isOver) timer = setTimeout(() => void next(dueMs), everyMs);
  }

  // The pause itself is measured too: this process may have been the one that stood still.
  async function next(dueMs: number): Promise<void> {
    if (Date.now() - dueMs > longMs) stalls.push({ fromMs: dueMs, toMs: Date.now() });
    await round();
  }

  void round();
  return {
    between: (fromMs, toMs) => stalls.some((stall) => stall.fromMs <= toMs && stall.toMs >= fromMs),
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
