import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeCa } from '../../x509/certificate-authority.js';
import { RotationError } from '../errors.js';
import { bundleOf, covers, equalSet, readBundle, toPem, withCa, withoutCa } from './bundle.js';
import { type Certificate, findCertificates, readCertificates, readLeaf } from './certificate.js';

let cas: Certificate[] = [];
let keyPem = '';

beforeAll(async () => {
  const validity = { notBeforeMs: Date.UTC(2030, 0, 1), notAfterMs: Date.UTC(2040, 0, 1) };
  const made = await Promise.all(['a', 'b', 'c', 'd'].map((cn) => makeCa({ subject: { commonName: cn }, ...validity })));
  cas = made.map((ca) => readLeaf(ca.certificatePem, { source: 'ca' }));
  keyPem = made[0]?.keyPem.reveal().toString() ?? '';
});

const ids = (bundle: { certificates: readonly Certificate[] }) => bundle.certificates.map((c) => c.record.fingerprint);
const indices = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 8 });
const pick = (list: readonly number[]) => list.map((i) => cas[i] as Certificate);

describe('trust bundles', () => {
  it('text and back gives the same order', () => {
    fc.assert(
      fc.property(indices, (list) => {
        expect(ids(readBundle(toPem(bundleOf(pick(list))), { source: 'f' }))).toEqual(ids(bundleOf(pick(list))));
      }),
    );
  });

  it('a CA that is added is covered, added twice is there once, and is gone when removed', () => {
    fc.assert(
      fc.property(indices, fc.nat({ max: 3 }), fc.constantFrom('first' as const, 'last' as const), (list, i, place) => {
        const bundle = bundleOf(pick(list));
        const ca = cas[i] as Certificate;
        const added = withCa(bundle, ca, { place });
        expect(covers(added, bundle)).toBe(true);
        expect(ids(withCa(added, ca, { place }))).toEqual(ids(added));
        expect(added.certificates.at(place === 'first' ? 0 : -1)).toBe(ca);
        expect(ids(withoutCa(added, ca.record.fingerprint))).toEqual(ids(withoutCa(bundle, ca.record.fingerprint)));
      }),
    );
  });

  it('equal sets in any order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3]), (list) => {
        expect(equalSet(bundleOf(pick(list)), bundleOf(pick(list.toSorted())))).toBe(true);
      }),
    );
    expect(equalSet(bundleOf(pick([0])), bundleOf(pick([0, 1])))).toBe(false);
    expect(equalSet(bundleOf(pick([0, 2])), bundleOf(pick([0, 1])))).toBe(false);
  });
});

describe('what a bundle file may hold', () => {
  const place = (error: unknown) => (error instanceof RotationError ? /ca\.crt:\d+:\d+/.exec(error.failures[0]?.summary ?? '')?.[0] : error);
  const refused = (text: string, rules: 'strict' | 'kubernetes') => {
    try {
      return readCertificates(text, { source: 'ca.crt', rules }).length;
    } catch (error) {
      return place(error);
    }
  };
  it.each([
    ['a private key after it', () => `${toPem(bundleOf(pick([0])))}${keyPem}`, 1, /^ca\.crt:\d+:1$/],
    ['text around', () => `# mine\n${toPem(bundleOf(pick([0, 1])))}end`, 2, 2],
    ['cut in its second certificate', () => toPem(bundleOf(pick([0, 1]))).slice(0, -60), 1, /^ca\.crt:\d+:1$/],
    ['a block that is no certificate', () => '\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /^ca\.crt:2:1$/, /^ca\.crt:2:1$/],
    ['empty', () => '', /^ca\.crt:1:1$/, /^ca\.crt:1:1$/],
    [
      'a byte after the certificate',
      () => `-----BEGIN CERTIFICATE-----\n${Buffer.concat([pick([0])[0]?.der ?? Buffer.of(), Buffer.of(0)]).toString('base64')}\n-----END CERTIFICATE-----\n`,
      /^ca\.crt:1:1$/,
      /^ca\.crt:1:1$/,
    ],
  ])('%s', (_, text, kubernetes, strict) => {
    const check = (found: unknown, expected: number | RegExp) => (typeof expected === 'number' ? expect(found).toBe(expected) : expect(found).toMatch(expected));
    check(refused(text(), 'kubernetes'), kubernetes);
    check(refused(text(), 'strict'), strict);
  });

  it('a scan takes what it can', () => {
    expect(findCertificates(`-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n${toPem(bundleOf(pick([1])))}${keyPem}`).map((c) => c.record.subject)).toEqual(['CN=b']);
  });
});
