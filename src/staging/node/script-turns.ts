/** When scripts of nodes may start: to start one means to copy this process, and the larger a cluster the longer its API servers stand still meanwhile. */

/** Starts one at a time, each in its turn, and after each leaves the event loop to the others for as long as it has taken. */
export async function inTurn<T>(start: () => T): Promise<T> {
  const before = last;
  let free: () => void = () => undefined;
  last = new Promise((resolve) => {
    free = resolve;
  });
  await before;
  const startedAt = performance.now();
  try {
    return start();
  } finally {
    const tookMs = performance.now() - startedAt;
    if (tookMs < 2) setImmediate(free);
    else setTimeout(free, Math.min(tookMs, longestPauseMs));
  }
}

/** Of the whole process: so is its event loop. */
let last: Promise<void> = Promise.resolve();
const longestPauseMs = 100;
