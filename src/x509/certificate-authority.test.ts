import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyType } from '../domain/cluster/inventory.js';
import { parseCertificate, readLeaf, spkiOf } from '../domain/pki/certificate.js';
import { splitPem } from '../domain/pki/pem.js';
import { RotationError } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { makeCa, signLeaf } from './certificate-authority.js';
import { makeKeyPair } from './key-pair.js';
import { makeRequest, readRequest } from './request.js';

const day = 86_400_000;
const notBeforeMs = Date.UTC(2030, 0, 1);
const validity = { notBeforeMs, notAfterMs: notBeforeMs + 365 * day };

function openssl(args: readonly string[], input: string): string {
  return execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
}

describe('key pairs, requests and certificates of every key type', () => {
  it.each([
    ['rsa-2048', 'RSA PRIVATE KEY'],
    ['rsa-3072', 'RSA PRIVATE KEY'],
    ['rsa-4096', 'RSA PRIVATE KEY'],
    ['ecdsa-p256', 'EC PRIVATE KEY'],
    ['ecdsa-p384', 'EC PRIVATE KEY'],
    ['ed25519', 'PRIVATE KEY'],
  ] as const)('%s', { timeout: 120_000 }, async (keyType: KeyType, label) => {
    const { privateKeyPem: keyPem, publicPem } = await makeKeyPair(keyType);
    expect(splitPem(keyPem.reveal().toString()).blocks.map((block) => block.label)).toEqual([label]);
    const subject = { commonName: 'system:node:worker-1', organizations: ['system:nodes'] };
    const sans = ['DNS:worker-1', 'IP:10.0.0.21', 'IP:fd00::1'];
    const csrPem = await makeRequest({ privateKeyPem: keyPem, subject, sans });
    expect(openssl(['req', '-verify', '-noout', '-subject'], csrPem)).toContain('O = system:nodes, CN = system:node:worker-1');
    const spki = spkiOf(createPublicKey(publicPem));
    expect(await readRequest(csrPem)).toEqual({
      subject: 'O=system:nodes, CN=system:node:worker-1',
      commonName: 'system:node:worker-1',
      organizations: ['system:nodes'],
      sans,
      keyType,
      spki,
    });

    const ca = await makeCa({ subject: { commonName: 'kubernetes', serialNumber: 'g2' }, keyType, ...validity });
    const leaf = readLeaf(await signLeaf({ ca, csrPem, usages: ['serverAuth', 'clientAuth'], ...validity }), { source: 'leaf' });
    const caCertificate = readLeaf(ca.certificatePem, { source: 'ca' });
    expect(leaf.record).toMatchObject({
      subject: 'O=system:nodes, CN=system:node:worker-1',
      issuer: 'CN=kubernetes, serialNumber=g2',
      notBeforeMs,
      notAfterMs: notBeforeMs + 365 * day,
      isCa: false,
      keyType,
      spki,
      sans,
      usages: ['serverAuth', 'clientAuth'],
      aki: caCertificate.record.ski,
    });
    expect(leaf.x509.checkIssued(caCertificate.x509)).toBe(true);
    expect(leaf.x509.verify(caCertificate.x509.publicKey)).toBe(true);
    expect(leaf.x509.checkPrivateKey(createPrivateKey(keyPem.reveal()))).toBe(true);
    expect(caCertificate.record).toMatchObject({ subject: 'CN=kubernetes, serialNumber=g2', isCa: true, usages: [], keyType });
  });

  it('refuses a request whose signature is of another key', async () => {
    const { privateKeyPem: keyPem } = await makeKeyPair('ecdsa-p256');
    const der = Buffer.from(splitPem(await makeRequest({ privateKeyPem: keyPem, subject: { commonName: 'a' } })).blocks[0]?.bytes ?? '');
    der[der.length - 3] = (der[der.length - 3] ?? 0) ^ 1;
    const csrPem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    await expect(readRequest(csrPem)).rejects.toMatchObject({ code: 'pem-invalid' });
    await expect(readRequest('nothing')).rejects.toMatchObject({ code: 'pem-invalid' });
  });

  it('never quotes a key that cannot be read', async () => {
    const made = makeRequest({ privateKeyPem: new Secret('-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n'), subject: { commonName: 'a' } });
    const error = await made.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(RotationError);
    expect(String(error)).not.toContain('CANARY');
  });

  it('makes no SAN extension without names: the kubelet signer refuses one', async () => {
    const { privateKeyPem: keyPem } = await makeKeyPair('ecdsa-p256');
    expect(openssl(['req', '-noout', '-text'], await makeRequest({ privateKeyPem: keyPem, subject: { commonName: 'a' } }))).not.toContain('Alternative');
  });
});

it('whatever subject and names a request has, the leaf has the same', async () => {
  const keyPem = (await makeKeyPair('ecdsa-p256')).privateKeyPem;
  const ca = await makeCa({ subject: { commonName: 'kubernetes' }, ...validity });
  const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019:-. ,+="<>;#ü€'), minLength: 1, maxLength: 20 });
  const label = fc.stringMatching(/^[a-z0-9]{1,10}$/);
  const san = fc.oneof(
    label.map((name) => `DNS:${name}.local`),
    fc.ipV4().map((ip) => `IP:${ip}`),
  );
  await fc.assert(
    fc.asyncProperty(word, fc.uniqueArray(word, { maxLength: 3 }), fc.uniqueArray(san, { maxLength: 5 }), async (cn, o, sans) => {
      const csrPem = await makeRequest({ privateKeyPem: keyPem, subject: { commonName: cn, organizations: o }, sans });
      const request = await readRequest(csrPem);
      const leaf = readLeaf(await signLeaf({ ca, csrPem, usages: ['clientAuth'], ...validity }), { source: 'leaf' });
      expect(request).toMatchObject({ commonName: cn, sans });
      expect(request.organizations.toSorted()).toEqual([...o].toSorted());
      expect(leaf.record).toMatchObject({ subject: request.subject, sans });
      expect(parseCertificate(leaf.der).record).toEqual(leaf.record);
    }),
    { numRuns: 60 },
  );
});
