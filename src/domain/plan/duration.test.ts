import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duration, readDuration, writeDuration } from './duration.js';

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['250ms', 250],
    ['87600h', 315_360_000_000],
    ['1m5s', 65_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(readDuration(text)).toEqual({ ms });
    expect(duration.parse(text)).toBe(ms);
  });

  it.each([
    ['30', 'write "30s"'],
    ['-5m', 'negative'],
    ['1.5h', 'fraction'],
    ['2d', 'write hours'],
    ['5min', '"m"'],
    ['5M', 'h, m, s and ms'],
    ['30m1h', 'out of order'],
    ['1m1m', 'out of order'],
    ['5 m', 'not a duration'],
    ['soon', 'not a duration'],
    ['', 'not a duration'],
    ['99999999999999999h', 'longer than'],
  ])('"%s" is refused: %s', (text, words) => {
    expect(readDuration(text)).toEqual({ wrong: expect.stringContaining(words) });
    expect(duration.safeParse(text).success).toBe(false);
  });

  it('a plain number is told what to write', () => {
    expect(duration.safeParse(30).error?.issues[0]?.message).toContain('write "30s"');
  });

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => {
        expect(readDuration(writeDuration(ms))).toEqual({ ms });
      }),
    );
  });

  it('refuses in words, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(Object.keys(readDuration(text))).toHaveLength(1);
      }),
    );
  });
});
