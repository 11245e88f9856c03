import { expect, it } from 'vitest';
import { lanesFor } from './prepare.js';

it.each([
  ['small', 2, 2, 3],
  ['small', 2, 1, 1],
  ['small', 2, 16, 6],
  ['ha', 6, 2, 1],
  ['ha', 6, 4, 2],
  ['3+200', 203, 8, 1],
])('%s (%i nodes) on %i cores has %i lanes', (_, nodes, cores, lanes) => {
  expect(lanesFor(nodes, cores)).toBe(lanes);
});
