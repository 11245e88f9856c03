import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pemOf, splitPem } from './pem.js';

const a = pemOf('CERTIFICATE', Buffer.from('first'));
const b = pemOf('CERTIFICATE', Buffer.from('second'));
const torn = a.slice(0, a.indexOf('-----END'));

describe('splitPem', () => {
  it.each([
    ['text around blocks', `# Issuer: me\n${a}between\n\n${b}after`, ['first', 'second'], []],
    ['windows line ends', a.replaceAll('\n', '\r\n'), ['first'], []],
    ['trailing blanks', a.replaceAll('\n', ' \t\n'), ['first'], []],
    ['no newline at the end', a.trimEnd(), ['first'], []],
    ['a torn block at the end', a + torn, ['first'], [{ line: 4, column: 1, cause: 'there is no END line for "CERTIFICATE"' }]],
    ['a torn block before a whole one', torn + b, ['second'], [{ line: 1, column: 1, cause: 'the next BEGIN comes before its END' }]],
    ['BEGIN after other text on the line', ` ${a}`, [], []],
    ['a character that is not base64', a.replace('Zmly', 'Z*ly'), [], [{ line: 2, column: 2, cause: 'a character that is not base64' }]],
    ['base64 cut short', a.replace('c3Q=', 'c3Q'), [], [{ line: 2, column: 1, cause: 'the base64 is not complete' }]],
    ['an END of another kind', a.replace('END CERTIFICATE', 'END X'), [], [{ line: 3, column: 1, cause: 'the END line is not that of "CERTIFICATE"' }]],
    ['BEGIN without its dashes', a.replace('CERTIFICATE-----\n', 'CERTIFICATE\n'), [], [{ line: 1, column: 23, cause: 'the BEGIN line does not end with "-----"' }]],
    ['nothing', '', [], []],
  ])('%s', (_, text, contents, damage) => {
    const read = splitPem(text);
    expect(read.blocks.map((block) => block.bytes.toString())).toEqual(contents);
    expect(read.damage).toEqual(damage);
  });

  it('knows where a block stands, its label and its headers', () => {
    const encrypted = '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n';
    expect(splitPem(`x\n${encrypted}${a}`).blocks).toMatchObject([
      { label: 'RSA PRIVATE KEY', hasHeaders: true, line: 2, endLine: 7 },
      { label: 'CERTIFICATE', hasHeaders: false, line: 8, endLine: 10 },
    ]);
  });

  it('reads back what pemOf wrote, in order, whatever stands between', () => {
    const noise = fc.string({ unit: fc.constantFrom('a', ' ', '\n', '#', ':', '-') }).filter((s) => !s.includes('-----'));
    fc.assert(
      fc.property(fc.array(fc.tuple(noise, fc.uint8Array({ maxLength: 200 }))), noise, (parts, end) => {
        const text = parts.map(([before, bytes]) => `${before}\n${pemOf('X', bytes)}`).join('') + end;
        const read = splitPem(text);
        expect(read.damage).toEqual([]);
        expect(read.blocks.map((block) => [...block.bytes])).toEqual(parts.map(([, bytes]) => [...bytes]));
      }),
    );
  });

  it('never throws and never hangs', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('-----BEGIN ', '-----END ', '-----', 'CERTIFICATE', '\n', 'AAAA', ':', '=')), (parts) => {
        splitPem(parts.join(''));
      }),
    );
  });
});
