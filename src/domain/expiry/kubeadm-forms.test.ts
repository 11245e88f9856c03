import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kubeadmDate, readWithin, shortHumanDuration } from './kubeadm-forms.js';

const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];

it.each([
  [Date.UTC(2027, 11, 1, 0, 3, 59), 'Dec 01, 2027 00:03 UTC'],
  [Date.UTC(2036, 1, 29, 23, 59), 'Feb 29, 2036 23:59 UTC'],
])('a date %i is %s', (ms, text) => expect(kubeadmDate(ms)).toBe(text));

// k/k apimachinery pkg/util/duration/duration_test.go TestShortHumanDuration, and the borders.
it.each([
  [-2 * second, '<invalid>'],
  [-1.5 * second, '0s'],
  [-1, '0s'],
  [0, '0s'],
  [59 * second + 999, '59s'],
  [minute, '1m'],
  [hour - 1, '59m'],
  [hour, '1h'],
  [day - 1, '23h'],
  [day, '1d'],
  [365 * day - 1, '364d'],
  [365 * day, '1y'],
  [10 * 365 * day - 1, '9y'],
])('%i ms are %s', (ms, text) => expect(shortHumanDuration(ms)).toBe(text));

describe('within', () => {
  it.each([
    ['30d', 30 * day],
    ['1d12h', 1.5 * day],
    ['0d', 0],
    ['90m', 90 * minute],
  ])('%s', (text, ms) => expect(readWithin(text)).toEqual({ ms }));

  it.each([
    ['30', 'write "30d"'],
    ['', 'not a duration'],
    ['d', '"d"'],
    ['-3d', 'negative'],
    ['1.5d', 'fraction'],
    ['1d1d', 'no days'],
    ['2w', 'no weeks'],
  ])('"%s" is refused', (text, words) => expect(readWithin(text)).toEqual({ wrong: expect.stringContaining(words) }));

  it('is a number or words, whatever is typed', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = readWithin(text);
        expect('ms' in read ? Number.isFinite(read.ms) && read.ms >= 0 : read.wrong.length > 0).toBe(true);
      }),
    );
  });
});
