import { expect, it } from 'vitest';
import { paceOf, pauseAt } from './pace.js';

it.each([
  [1, 1000, 1000],
  [20, 2000, 100],
  [20, 1000, 50],
  [20, 500, 50],
  [50, 500, 50],
  [20, 30, 30],
])('at pace %d a pause of %d ms takes %d ms', (pace, usualMs, ms) => {
  expect(pauseAt(pace, usualMs)).toBe(ms);
});

it.each([
  [1, 6, 1],
  [20, 6, 20],
  [20, 20, 20],
  [20, 40, 10],
  [20, 200, 2],
  [20, 1000, 1],
])('at speed %d and %d nodes a rehearsal has pace %d', (speed, nodes, pace) => {
  expect(paceOf({ speed, nodes })).toBe(pace);
});
