/** Ways in which files are damaged, for parsers to be tried with. */

import fc from 'fast-check';

type Damage = (bytes: Buffer) => Buffer;

/** Words that mean something to one of the parsers. */
const words = [
  '-----BEGIN CERTIFICATE-----\n',
  '-----END CERTIFICATE-----\n',
  ':',
  '\n',
  '\0',
  '{',
  '[',
  '&a ',
  '*a',
  '<<: *a\n',
  '!!binary ',
  '? ',
  '- ',
  '---\n',
  '...\n',
  '%YAML 9\n',
  '"',
  '|\n',
  '\t',
  '\ufeff',
  'null',
  '~',
  '!!js/function ',
  '__proto__: 1\n',
  'constructor: 1\n',
  '0x',
  '.nan',
];

/** What happens to files: a bit, a cut, a part doubled or moved, bytes from elsewhere, other line ends. */
export const damages: fc.Arbitrary<Damage> = fc
  .array(
    fc.oneof(
      place().chain((at) =>
        fc.nat(7).map(
          (bit): Damage =>
            (bytes) =>
              flipped(bytes, at, bit),
        ),
      ),
      fc.tuple(place(), place()).map(
        ([from, to]): Damage =>
          (bytes) =>
            Buffer.concat([bytes.subarray(0, index(bytes, from)), bytes.subarray(index(bytes, to))]),
      ),
      fc.tuple(place(), place()).map(
        ([from, to]): Damage =>
          (bytes) =>
            Buffer.concat([bytes, bytes.subarray(Math.min(index(bytes, from), index(bytes, to)))]),
      ),
      fc.tuple(place(), fc.uint8Array({ maxLength: 20 })).map(
        ([at, more]): Damage =>
          (bytes) =>
            Buffer.concat([bytes.subarray(0, index(bytes, at)), more, bytes.subarray(index(bytes, at))]),
      ),
      place().map(
        (at): Damage =>
          (bytes) =>
            bytes.subarray(0, index(bytes, at)),
      ),
      fc.constant<Damage>((bytes) => Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r\n'), 'latin1')),
      fc.tuple(place(), fc.constantFrom(...words)).map(
        ([at, word]): Damage =>
          (bytes) =>
            Buffer.concat([bytes.subarray(0, index(bytes, at)), Buffer.from(word), bytes.subarray(index(bytes, at))]),
      ),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((list) => (bytes) => list.reduce((left, damage) => damage(left), bytes));

function place(): fc.Arbitrary<number> {
  return fc.double({ min: 0, max: 1, noNaN: true });
}

function index(bytes: Buffer, at: number): number {
  return Math.floor(at * bytes.length);
}

function flipped(bytes: Buffer, at: number, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  const i = Math.min(index(bytes, at), bytes.length - 1);
  if (i >= 0) copy[i] = (copy[i] ?? 0) ^ (1 << bit);
  return copy;
}
