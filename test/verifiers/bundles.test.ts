/** Texts of bundles, read by client-go's rules: as many certificates as Go finds, or refused where it refuses. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RotationError } from '../../src/domain/errors.js';
import { findCertificates, readCertificates } from '../../src/domain/pki/certificate.js';
import { pemOf } from '../../src/domain/pki/pem.js';
import { certificates } from './cast.js';
import { askGo, whyNoGo } from './real-go.js';

const [a, b] = certificates('a b').map(({ pem }) => pem) as [string, string];
const lines = a.trimEnd().split('\n');
const key = pemOf('PRIVATE KEY', Buffer.from('no key, only its label'));
const noCertificate = pemOf('CERTIFICATE', Buffer.from('no certificate'));
const two = certificates('a b').map(({ der }) => der);

/** Pieces of which bundles in the field are made. */
const pieces: Readonly<Record<string, string>> = {
  certificate: a,
  'another certificate': b,
  text: '# CA of the cluster\n',
  'text without an end': 'subject=CN = kubernetes',
  'a key': key,
  'another label': pemOf('TRUSTED CERTIFICATE', Buffer.from('x')),
  'no certificate in it': noCertificate,
  'two in one block': pemOf('CERTIFICATE', Buffer.concat(two)),
  'bytes behind it': pemOf('CERTIFICATE', Buffer.concat([two[0] as Buffer, Buffer.of(0)])),
  'no line end': a.trimEnd(),
  CRLF: a.replaceAll('\n', '\r\n'),
  'spaces at the ends of lines': a.replaceAll('\n', ' \t\n'),
  'spaces before lines': lines.map((line) => `  ${line}`).join('\n'),
  'spaces before the END': lines.map((line, i) => (i === lines.length - 1 ? `  ${line}` : line)).join('\n'),
  'text before BEGIN': `x${a}`,
  'text after END': `${a.trimEnd()}x\n`,
  'one long line': `${lines[0]}\n${lines.slice(1, -1).join('')}\n${lines.at(-1)}\n`,
  'empty lines inside': lines.join('\n\n'),
  'a header': [lines[0], 'Proc-Type: 4,ENCRYPTED', '', ...lines.slice(1)].join('\n').concat('\n'),
  'no BEGIN': lines.slice(1).join('\n').concat('\n'),
  'no END': lines.slice(0, -1).join('\n').concat('\n'),
  'half a block': `${lines.slice(0, 4).join('\n')}\n`,
  'another END': a.replace('END CERTIFICATE', 'END KEY'),
  'a character that is not base64': a.replace(lines[2] ?? '', `${(lines[2] ?? '').slice(1)}*`),
  'a character less': a.replace(lines[2] ?? '', (lines[2] ?? '').slice(1)),
  'no padding': a.replace(/=+\n-----END/, '\n-----END'),
  'four dashes': a.replace('-----BEGIN', '----BEGIN'),
  'six dashes': a.replace('CERTIFICATE-----', 'CERTIFICATE------'),
  'an empty block': '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
  DER: (two[0] as Buffer).toString('latin1'),
  'a byte order mark': '\ufeff',
  'zero bytes': '\0\0\0',
};

const texts = [
  ...Object.keys(pieces).map((name) => [name]),
  ...Object.keys(pieces).map((name) => [name, 'certificate']),
  ...Object.keys(pieces).map((name) => ['certificate', name]),
  ...fc.sample(fc.array(fc.constantFrom(...Object.keys(pieces)), { minLength: 3, maxLength: 6 }), { numRuns: 300, seed: 1 }),
];
const textOf = (names: readonly string[]): string => names.map((name) => pieces[name]).join('');

/** -1: refused. */
function read(text: string): number {
  try {
    return readCertificates(text, { source: 'bundle', rules: 'kubernetes' }).length;
  } catch (error) {
    if (error instanceof RotationError) return -1;
    throw error;
  }
}

const noGo = whyNoGo();
describe.skipIf(noGo !== undefined)(`bundles${noGo === undefined ? '' : ` (skipped: ${noGo})`}`, () => {
  const answers =
    noGo === undefined
      ? askGo(
          [],
          texts.map((names) => Buffer.from(textOf(names))),
        ).bundles
      : [];

  it('are read as client-go reads them', () => {
    expect(texts.map((names, i) => `${names.join(' + ')}: ${answers[i]?.clientGo}`)).toEqual(texts.map((names) => `${names.join(' + ')}: ${read(textOf(names))}`));
  });

  it('of what is found in a text, all is what a kubeconfig would trust', () => {
    const found = (text: string): number => new Set(findCertificates(text).map(({ record }) => record.fingerprint)).size || -1;
    expect(texts.map((names, i) => `${names.join(' + ')}: ${answers[i]?.tls}`)).toEqual(texts.map((names) => `${names.join(' + ')}: ${found(textOf(names))}`));
  });
});
