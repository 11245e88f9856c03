import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ca, type CaParts, makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { bundleOf, withoutCa } from './bundle.js';
import { type Certificate, isIssuedBy, readLeaf, seemsIssuedBy } from './certificate.js';
import { type ChainQuestion, verifyChain } from './chain.js';
import type { ChainCertificate } from './chain-certificate.js';
import { verifyLikeOpenssl } from './chain-openssl.js';

const day = 86_400_000;
const now = Date.UTC(2030, 5, 1);
const valid = { notBeforeMs: now - 30 * day, notAfterMs: now + 300 * day };
const folder = mkdtempSync(join(tmpdir(), 'chain-'));
afterAll(() => rmSync(folder, { recursive: true }));

const certs: Record<string, Certificate> = {};
const cert = (name: string): Certificate => certs[name] ?? expect.fail(`no certificate ${name}`);

beforeAll(async () => {
  const cas: Record<string, Ca> = {};
  const leafKey = (await makeKeyPair('ecdsa-p256')).privateKeyPem;
  const csrPem = await makeRequest({ privateKeyPem: leafKey, subject: { commonName: 'leaf' }, sans: ['DNS:leaf'] });
  const ca = async (name: string, commonName: string, parts: Partial<CaParts> = {}) => {
    const made = await makeCa({ subject: { commonName }, ...valid, ...parts });
    cas[name] = made;
    certs[name] = readLeaf(made.certificatePem, { source: name });
    return made;
  };
  const leaf = async (
    name: string,
    by: Ca,
    parts: { usages?: ('serverAuth' | 'clientAuth')[]; withAki?: boolean; notBeforeMs?: number; notAfterMs?: number; csrPem?: string } = {},
  ) => {
    certs[name] = readLeaf(await signLeaf({ ca: by, csrPem, usages: ['clientAuth'], ...valid, ...parts }), { source: name });
  };
  const a = await ca('a', 'kubernetes');
  const b = await ca('b', 'kubernetes');
  const other = await ca('other', 'other', { keyType: 'rsa-2048' });
  await ca('other-reissued', 'other', { keyPem: other.keyPem, keyIdentifiers: 'none' });
  const expired = await ca('expired', 'expired', { notAfterMs: now - day });
  const future = await ca('future', 'future', { notBeforeMs: now + day });
  const serverOnly = await ca('server-only', 'server-only', { usages: ['serverAuth'] });
  const short = await ca('short', 'short', { pathLength: 0 });
  const middle = await ca('middle', 'middle', { signedBy: a });
  const tooDeep = await ca('too-deep', 'too-deep', { signedBy: short });
  await ca('b-by-a', 'kubernetes', { keyPem: b.keyPem, signedBy: a });
  await ca('b-by-a-no-aki', 'kubernetes', { keyPem: b.keyPem, signedBy: a, keyIdentifiers: 'ski' });
  await ca('other-by-a', 'other', { keyPem: other.keyPem, signedBy: a });
  await leaf('leaf-a', a);
  await leaf('leaf-a-no-aki', a, { withAki: false });
  await leaf('leaf-b', b);
  await leaf('leaf-other', other);
  await leaf('leaf-expired-ca', expired);
  await leaf('leaf-future-ca', future);
  await leaf('leaf-server-only', serverOnly);
  await leaf('leaf-middle', middle);
  await leaf('leaf-too-deep', tooDeep);
  await leaf('old-leaf', a, { notAfterMs: now - 1000 });
  await leaf('early-leaf', a, { notBeforeMs: now + 1000 });
  // A leaf that signs: no CA.
  const notCa: Ca = { certificatePem: cert('leaf-a').pem, keyPem: leafKey };
  await leaf('leaf-by-leaf', notCa, { csrPem: await makeRequest({ privateKeyPem: leafKey, subject: { commonName: 'by a leaf' } }) });
  for (const [name, { pem }] of Object.entries(certs)) writeFileSync(join(folder, name), pem);
}, 120_000);

const question = (leaf: string, bundle: string, intermediates = '', usage: ChainQuestion['usage'] = 'clientAuth'): ChainQuestion => {
  const list = (names: string) =>
    names
      .split(' ')
      .filter((name) => name !== '')
      .map(cert);
  return { leaf: cert(leaf), bundle: bundleOf(list(bundle)), intermediates: list(intermediates), atMs: now, usage };
};

/** As a plan knows a certificate that it will issue: no DER, no key. */
const shapeOf = (name: string): ChainCertificate => {
  const { der: _der, pem: _pem, x509: _x509, ...shape } = cert(name);
  return shape;
};
const planned = (fingerprint: string, shape: ChainCertificate): ChainCertificate => {
  const [subject, issuer] = [`CN=${shape.rawSubject}`, `CN=${shape.rawIssuer}`];
  return { ...shape, record: { ...shape.record, fingerprint, spki: fingerprint, ski: '', aki: '', subject, issuer } };
};

/** leaf, bundle, intermediates, Go's verdict, OpenSSL's. */
const table = [
  ['leaf-a', 'a', '', 'ok', 0],
  ['leaf-a', 'a b', '', 'ok', 0],
  ['leaf-a', 'b a', '', 'ok', 0],
  ['leaf-a', 'b', '', 'wrong-key', 20],
  ['leaf-a', 'other', '', 'unknown-authority', 20],
  ['leaf-a-no-aki', 'a b', '', 'ok', 0],
  ['leaf-a-no-aki', 'b a', '', 'ok', 7],
  ['leaf-other', 'other', '', 'ok', 0],
  ['leaf-other', 'other-reissued', '', 'ok', 0],
  ['leaf-expired-ca', 'expired', '', 'expired', 10],
  ['leaf-expired-ca', 'expired a', '', 'expired', 10],
  ['leaf-future-ca', 'future', '', 'not-yet-valid', 9],
  ['leaf-server-only', 'server-only', '', 'wrong-usage', 26],
  ['leaf-middle', 'a', '', 'unknown-authority', 20],
  ['leaf-middle', 'a', 'middle', 'ok', 0],
  ['leaf-middle', 'middle', '', 'ok', 2],
  ['leaf-too-deep', 'short', 'too-deep', 'path-too-long', 25],
  ['leaf-b', 'a', 'b-by-a', 'ok', 0],
  ['leaf-b', 'a', 'b-by-a-no-aki', 'ok', 19],
  ['leaf-other', 'a', 'other-by-a', 'ok', 0],
  ['leaf-other', 'other-by-a', '', 'ok', 2],
  ['old-leaf', 'a', '', 'expired', 10],
  ['early-leaf', 'a', '', 'not-yet-valid', 9],
  ['leaf-by-leaf', 'a', 'leaf-a', 'not-a-ca', 79],
  ['a', 'b', '', 'wrong-key', 18],
] as const;

describe('chains', () => {
  it.each(table)('%s against [%s] with [%s]: Go says %s, OpenSSL %i', (leaf, bundle, intermediates, go, error) => {
    const asked = question(leaf, bundle, intermediates);
    const verdict = verifyChain(asked);
    expect(verdict.ok ? 'ok' : verdict.fault).toBe(go);
    const second = verifyLikeOpenssl(asked);
    expect(second.ok ? 0 : second.error).toBe(error);
    expect(realOpenssl(leaf, bundle, intermediates)).toBe(error);
  });

  it('a usage that the leaf does not have', () => {
    expect(verifyChain(question('leaf-a', 'a', '', 'serverAuth'))).toMatchObject({ ok: false, fault: 'wrong-usage', at: 'CN=leaf' });
    expect(verifyChain(question('leaf-a', 'a', '', 'any'))).toMatchObject({ ok: true });
  });

  it('says at which certificate and why', () => {
    expect(verifyChain(question('leaf-expired-ca', 'expired'))).toEqual({
      ok: false,
      fault: 'expired',
      at: 'CN=expired',
      text: 'CA "CN=expired" expired at 2030-05-31T00:00:00.000Z',
    });
  });

  it('judges certificates that do not exist yet by the same rules', () => {
    const incoming = planned('incoming', { ...shapeOf('a'), rawSubject: 'incoming', rawIssuer: 'incoming' });
    const leaf = planned('leaf by incoming', { ...shapeOf('leaf-a'), rawIssuer: 'incoming' });
    const asked = { leaf, atMs: now, usage: 'clientAuth', signed: (child: ChainCertificate, parent: ChainCertificate) => child !== leaf || parent === incoming } as const;
    expect(verifyChain({ ...asked, bundle: { certificates: [cert('a'), incoming] } })).toEqual({ ok: true, chain: [leaf, incoming] });
    expect(verifyChain({ ...asked, bundle: { certificates: [cert('a')] } })).toMatchObject({ ok: false, fault: 'unknown-authority' });
    expect(verifyChain({ ...asked, bundle: { certificates: [incoming] }, name: 'other' })).toMatchObject({ ok: false, fault: 'wrong-name' });
    expect(verifyLikeOpenssl({ ...asked, bundle: { certificates: [incoming] }, name: 'leaf' })).toMatchObject({ ok: true });
  });

  it('names and key identifiers tell who issued', () => {
    expect(isIssuedBy(cert('leaf-a'), cert('a'))).toBe(true);
    expect(isIssuedBy(cert('leaf-a'), cert('b'))).toBe(false);
    expect(seemsIssuedBy(cert('leaf-a').record, cert('a').record)).toBe(true);
    expect(seemsIssuedBy(cert('leaf-a').record, cert('b').record)).toBe(false);
  });

  it('more CAs in a bundle never break a chain for Go, and without its CA no chain holds', () => {
    const names = fc.subarray(['a', 'b', 'other', 'other-reissued', 'expired', 'future', 'short', 'middle', 'b-by-a']);
    const leaves = fc.constantFrom('leaf-a', 'leaf-a-no-aki', 'leaf-b', 'leaf-other');
    fc.assert(
      fc.property(names, leaves, fc.boolean(), (list, leaf, reversed) => {
        const issuers = ['a', 'b', 'other', 'other-reissued', 'b-by-a'].filter((name) => isIssuedBy(cert(leaf), cert(name)));
        const bundle = bundleOf((reversed ? list.toReversed() : list).map(cert));
        expect(verifyChain({ ...question(leaf, ''), bundle }).ok).toBe(list.some((name) => issuers.includes(name)));
        const without = issuers.reduce((rest, name) => withoutCa(rest, cert(name).record.fingerprint), bundle);
        expect(verifyChain({ ...question(leaf, ''), bundle: without }).ok).toBe(false);
      }),
    );
  });
});

/** The number of `openssl verify`, 0 if it is happy. */
function realOpenssl(leaf: string, bundle: string, intermediates: string): number {
  const file = (name: string, names: string): string => {
    const path = join(folder, name);
    writeFileSync(
      path,
      names
        .split(' ')
        .filter((n) => n !== '')
        .map((n) => cert(n).pem)
        .join(''),
    );
    return path;
  };
  const untrusted = intermediates === '' ? [] : ['-untrusted', file('untrusted.pem', intermediates)];
  try {
    execFileSync(
      'openssl',
      ['verify', '-attime', String(now / 1000), '-purpose', 'sslclient', '-no-CApath', '-no-CAstore', '-CAfile', file('bundle.pem', bundle), ...untrusted, join(folder, leaf)],
      { stdio: 'pipe' },
    );
    return 0;
  } catch (error) {
    const { stderr, stdout } = error as { stderr: Buffer; stdout: Buffer };
    return Number(/error (\d+) at/.exec(`${stdout}${stderr}`)?.[1] ?? -1);
  }
}
