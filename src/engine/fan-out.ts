/** Several targets at once, at most so many; what one does never cuts off another. */

/** Runs `work` on each item, at most `limit` at a time, lets all of them settle, and returns the results in order. The first thing thrown is thrown again, after the last has settled. */
export async function fanOut<T, R>(items: readonly T[], limit: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<PromiseSettledResult<R> | undefined>(items.length).fill(undefined);
  let next = 0;
  async function lane(): Promise<void> {
    while (next < items.length) {
      const at = next++;
      [results[at]] = await Promise.allSettled([work(items[at] as T)]);
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return results.map((result) => {
    if (result?.status !== 'fulfilled') throw result?.reason;
    return result.value;
  });
}
