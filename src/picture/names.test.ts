import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inOrder, shortNames, someOf } from './names.js';

it.each([
  [[], ''],
  [['cp1'], 'cp1'],
  [['w2', 'w1'], 'w1, w2'],
  [['w10', 'w9', 'w11'], 'w9..w11 (3)'],
  [['w1', 'w3', 'w4', 'w5'], 'w1, w3..w5 (4)'],
  [['a', 'b', 'c'], 'a, b, c (3)'],
  [['a', 'c', 'e', 'g', 'i'], 'a, c, … i (5)'],
  [['w1', 'w1', 'w1'], 'w1'],
])('%j is %s', (names, short) => {
  expect(shortNames(names)).toBe(short);
});

it('loses no name where it says how many there are', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: 'grapheme' }), { minLength: 3 }), (names) => {
      expect(shortNames(names)).toMatch(new RegExp(`\\(${names.length}\\)$`));
      expect(inOrder(names).toSorted()).toEqual(names.toSorted());
    }),
  );
});

it('says how many are left out', () => {
  expect(someOf(['a', 'b', 'c', 'd'], 3)).toEqual(['a', 'b', 'and 2 more']);
  expect(someOf(['a', 'b', 'c'], 3)).toEqual(['a', 'b', 'c']);
});
