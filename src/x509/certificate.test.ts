import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isIssuedBy, parseCertificate, readLeaf } from '../domain/pki/certificate.js';
import { childrenOf, readDer } from '../domain/pki/der.js';
import { type CertificateParts, makeCertificate } from './certificate.js';
import { makeKeyPair } from './key-pair.js';

const validity = { notBeforeMs: Date.UTC(2030, 0, 1), notAfterMs: Date.UTC(2031, 0, 1) };
const [CN, O] = ['2.5.4.3', '2.5.4.10'];

async function root(more: Partial<CertificateParts> = {}): Promise<{ readonly pem: string; readonly signer: CertificateParts['signer'] }> {
  const { privateKeyPem: keyPem } = await makeKeyPair('ecdsa-p384');
  const parts: CertificateParts = {
    subject: [[{ type: CN, value: 'kubernetes' }], [{ type: '2.5.4.5', value: 'g1' }]],
    signer: { keyPem },
    ...validity,
    keyUsages: ['certSign', 'crlSign'],
    extendedUsages: [],
    basicConstraints: { ca: true },
    sans: [],
    ...more,
  };
  const pem = await makeCertificate(parts);
  return { pem, signer: { keyPem, certificatePem: pem } };
}

describe('makeCertificate', () => {
  it('signs itself without a certificate of the signer', async () => {
    const ca = readLeaf((await root({ basicConstraints: { ca: true, pathLength: 0 } })).pem, { source: 'root' });
    expect(isIssuedBy(ca, ca)).toBe(true);
    expect(ca.record).toMatchObject({ subject: 'CN=kubernetes, serialNumber=g1', isCa: true, keyType: 'ecdsa-p384', sans: [], ...validity });
    expect(ca.record.aki).toBe(ca.record.ski);
    expect(ca).toMatchObject({ keyCertSign: true, extendedUsages: undefined, basicConstraints: { ca: true, pathLength: 0 } });
  });

  it('has each attribute where it was put, and sets in the order of DER', async () => {
    const { pem } = await root({
      subject: [
        [
          { type: O, value: 'system:nodes' },
          { type: O, value: 'b' },
          { type: O, value: 'a' },
        ],
        [{ type: CN, value: '#x' }],
      ],
    });
    expect(readLeaf(pem, { source: 'root' }).record.subject).toBe('O=a+O=b+O=system:nodes, CN=\\#x');
    expect(readLeaf((await root({ subject: [] })).pem, { source: 'root' }).record.subject).toBe('');
  });

  it('signs for the key of another, with what that asked for instead of its own', async () => {
    const ca = await root();
    const { publicPem } = await makeKeyPair('rsa-2048');
    const publicKey = createPublicKey(publicPem).export({ type: 'spki', format: 'der' });
    const keyUsage = { oid: '2.5.29.15', critical: true, value: Buffer.from('03020780', 'hex') };
    const serial = Buffer.from('11223344', 'hex');
    const pem = await makeCertificate({
      subject: [[{ type: CN, value: 'w1' }]],
      publicKey,
      signer: ca.signer,
      ...validity,
      serial,
      keyUsages: ['keyAgreement'],
      extendedUsages: ['1.3.6.1.5.5.7.3.2'],
      sans: ['DNS:w1', 'IP:fd00::1', 'URI:spiffe://x/y', 'email:a@b.c'],
      extensions: [keyUsage],
    });
    const leaf = readLeaf(pem, { source: 'leaf' });
    expect(isIssuedBy(leaf, readLeaf(ca.pem, { source: 'root' }))).toBe(true);
    expect(leaf.record).toMatchObject({
      serial: '11223344',
      keyType: 'rsa-2048',
      usages: ['clientAuth'],
      sans: ['DNS:w1', 'IP:fd00::1', 'URI:spiffe://x/y', 'email:a@b.c'],
      isCa: false,
    });
    expect(leaf.basicConstraints).toBeUndefined();
    const found = parseCertificate(leaf.der)
      .der.toString('hex')
      .match(/0603551d0f0101ff0404(03020780)/);
    expect(found?.[1]).toBe('03020780');
    expect(childrenOf(readDer(leaf.der))).toHaveLength(3);
  });
});
