import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote, quoteAll } from './shell-quote.js';

// Words of all that a shell might take for its own, and of any code point.
const words = fc.array(
  fc.string({ unit: fc.oneof(fc.constantFrom(...`'"\\$\`!*?[]{}()<>|&;~#=- \n\t\r`), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) }).filter((w) => !w.includes('\0')),
  { minLength: 1, maxLength: 8 },
);

describe('quote', () => {
  it.each([
    ['', "''"],
    ['plain', "'plain'"],
    ["it's", `'it'\\''s'`],
    ['$HOME `x` "y" \\', `'$HOME \`x\` "y" \\'`],
  ])('%j', (word, expected) => {
    expect(quote(word)).toBe(expected);
  });

  it('refuses a NUL byte', () => {
    expect(() => quote('a\0b')).toThrow(/NUL/);
  });

  it('brings every word through a real shell as it was', () => {
    fc.assert(
      fc.property(words, (list) => {
        const out = execFileSync('sh', ['-c', `printf '%s\\0' ${quoteAll(list)}`], { encoding: 'utf8' });
        expect(out.split('\0').slice(0, -1)).toEqual(list);
      }),
      { numRuns: 150 },
    );
  });

  it('brings every word through two shells, one inside the other, as sudo and the login shell are', () => {
    fc.assert(
      fc.property(words, (list) => {
        const script = `printf '%s\\0' ${quoteAll(list)}`;
        const out = execFileSync('sh', ['-c', `exec sh -c ${quote(script)}`], { encoding: 'utf8' });
        expect(out.split('\0').slice(0, -1)).toEqual(list);
      }),
      { numRuns: 100 },
    );
  });
});
