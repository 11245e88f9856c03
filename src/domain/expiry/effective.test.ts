import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { CertificateRecord } from '../cluster/inventory.js';
import { endings } from './effective.js';

const record = (fingerprint: string, subject: string, issuer: string, notAfterMs: number, keyIds: { ski?: string; aki?: string } = {}, isCa = true): CertificateRecord => ({
  fingerprint,
  spki: fingerprint,
  subject: `CN=${subject}`,
  issuer: `CN=${issuer}`,
  serial: '01',
  ski: keyIds.ski ?? '',
  aki: keyIds.aki ?? '',
  notBeforeMs: 0,
  notAfterMs,
  isCa,
  keyType: 'ecdsa-p256',
  sans: [],
  usages: [],
});
const leaf = (issuer: string, notAfterMs: number, aki = ''): CertificateRecord => record('leaf', 'leaf', issuer, notAfterMs, { aki }, false);

it.each<[string, CertificateRecord, CertificateRecord[], number, string | undefined]>([
  ['its issuer was not found', leaf('root', 100), [], 100, undefined],
  ['its CA lasts longer', leaf('root', 100), [record('r', 'root', 'root', 900)], 100, undefined],
  ['its CA ends first', leaf('root', 100), [record('r', 'root', 'root', 90)], 90, 'CN=root'],
  ['the root above an intermediate ends first', leaf('sub', 100), [record('s', 'sub', 'root', 95), record('r', 'root', 'root', 80)], 80, 'CN=root'],
  ['an intermediate ends first', leaf('sub', 100), [record('s', 'sub', 'root', 95), record('r', 'root', 'root', 99)], 95, 'CN=sub'],
  ['one of two CAs of one name lasts', leaf('root', 100), [record('r1', 'root', 'root', 50), record('r2', 'root', 'root', 900)], 100, undefined],
  [
    'its key identifier names the one that ends',
    leaf('root', 100, 'a'),
    [record('r1', 'root', 'root', 50, { ski: 'a' }), record('r2', 'root', 'root', 900, { ski: 'b' })],
    50,
    'CN=root',
  ],
  ['two CAs have signed each other', leaf('a', 100), [record('a', 'a', 'b', 90), record('b', 'b', 'a', 70)], 70, 'CN=b'],
  ['a leaf is no issuer', leaf('root', 100), [record('r', 'root', 'root', 50, {}, false)], 100, undefined],
])('%s', (_, certificate, cas, expiresAtMs, endsFirst) => {
  const ending = endings(cas)(certificate);
  expect({ expiresAtMs: ending.expiresAtMs, endsFirst: ending.endsFirst?.subject }).toEqual({ expiresAtMs, endsFirst });
});

it('is never after its own end nor before every end, and does not depend on the order', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  const authority = fc.tuple(names, names, fc.integer({ min: 1, max: 50 })).map(([subject, issuer, end]) => record(`${subject}${issuer}${end}`, subject, issuer, end));
  fc.assert(
    fc.property(fc.array(authority, { maxLength: 8 }), names, fc.integer({ min: 1, max: 60 }), (cas, issuer, end) => {
      const one = endings(cas)(leaf(issuer, end));
      expect(one.expiresAtMs).toBeLessThanOrEqual(end);
      expect([end, ...cas.map(({ notAfterMs }) => notAfterMs)]).toContain(one.expiresAtMs);
      expect(one.endsFirst === undefined || one.endsFirst.notAfterMs === one.expiresAtMs).toBe(true);
      expect(endings(cas.toReversed())(leaf(issuer, end)).expiresAtMs).toBe(one.expiresAtMs);
    }),
  );
});
