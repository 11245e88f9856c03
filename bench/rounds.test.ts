import { expect, it } from 'vitest';
import { inTurns, median, repeat } from './rounds.js';

it.each([
  [[3, 1, 2], 2],
  [[4, 1, 2, 3], 2.5],
  [[7], 7],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

it('takes turns, after one round that does not count', async () => {
  const done: string[] = [];
  await inTurns(
    () => done.push('ours'),
    () => done.push('baseline'),
    { rounds: 2 },
  );
  expect(done).toEqual(['ours', 'baseline', 'ours', 'baseline', 'ours', 'baseline']);
});

it('repeats n times, never more than so many at once', async () => {
  let running = 0;
  let most = 0;
  let count = 0;
  await repeat(10, 3, async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    count++;
  });
  expect([count, most]).toEqual([10, 3]);
});
