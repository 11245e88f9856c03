import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CertificateRecord } from '../cluster/inventory.js';
import { goNameFault, isAddress, opensslNameMatches } from './host-name.js';
import { ipText } from './names.js';

const leaf = (sans: readonly string[], subject = 'CN=leaf'): CertificateRecord => ({
  fingerprint: '',
  spki: '',
  subject,
  issuer: 'CN=kubernetes',
  serial: '01',
  ski: '',
  aki: '',
  notBeforeMs: 0,
  notAfterMs: 1,
  isCa: false,
  keyType: 'ecdsa-p256',
  sans,
  usages: [],
});

/** SANs, name, Go's verdict, OpenSSL's. What the real ones say of the same: test/verifiers. */
const table = [
  ['DNS:a.b', 'a.b', 'ok', true],
  ['DNS:a.b', 'A.B', 'ok', true],
  ['DNS:a.b', 'a.b.', 'ok', false],
  ['DNS:a.b', 'a.c', 'wrong-name', false],
  ['DNS:*.b.c', 'a.b.c', 'ok', true],
  ['DNS:*.b.c', 'x.a.b.c', 'wrong-name', false],
  ['DNS:*.c', 'a.c', 'ok', false],
  ['DNS:a*.b.c', 'ab.b.c', 'wrong-name', true],
  ['DNS:10.0.0.1', '10.0.0.1', 'no-san', false],
  ['IP:10.0.0.1', '10.0.0.1', 'ok', true],
  ['IP:10.0.0.1', '::ffff:10.0.0.1', 'ok', false],
  ['IP:fd00::1', 'fd00:0::0001', 'ok', true],
  ['IP:10.0.0.1', '10.0.0.2', 'wrong-name', false],
  ['IP:10.0.0.1', 'a.b', 'no-san', false],
  ['', 'leaf', 'no-san', true],
  ['', 'other', 'no-san', false],
] as const;

describe('names of a leaf', () => {
  it.each(table)('[%s] for %s: Go says %s, OpenSSL %s', (sans, name, go, openssl) => {
    const record = leaf(sans === '' ? [] : [sans]);
    expect(goNameFault(record, name)?.fault ?? 'ok').toBe(go);
    expect(opensslNameMatches(record, name)).toBe(openssl);
  });

  it('tells of names as Go does', () => {
    expect(goNameFault(leaf([]), 'leaf')?.text).toBe('certificate relies on legacy Common Name field, use SANs instead');
    expect(goNameFault(leaf(['DNS:a', 'DNS:b']), 'c')?.text).toBe('certificate is valid for a, b, not c');
    expect(goNameFault(leaf(['DNS:a']), '10.0.0.1')?.text).toBe('cannot validate certificate for 10.0.0.1 because it does not contain any IP SANs');
  });

  it('every address is an address in each of its forms, and matches its own SAN', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.uint8Array({ minLength: 16, maxLength: 16 }), (text, bytes) => {
        expect(isAddress(text)).toBe(true);
        const own = ipText(bytes);
        expect(goNameFault(leaf([`IP:${own}`]), own)).toBeUndefined();
        expect(goNameFault(leaf([`IP:${own}`]), `[${own}]`)).toBeUndefined();
        expect(opensslNameMatches(leaf([`IP:${own}`]), own)).toBe(true);
      }),
    );
  });

  it.each(['1.2.3', '1.2.3.04', '1.2.3.256', '1.2.3.4.5', ':', ':::', '1::2::3', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', 'fe80::1%eth0', '12345::', '::1.2.3', ''])(
    '%s is no address',
    (text) => {
      expect(isAddress(text)).toBe(false);
    },
  );
});
