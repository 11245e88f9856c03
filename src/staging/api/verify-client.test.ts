/** The verifier against the rules of Go's crypto/x509, each with its words. */

import { describe, expect, it } from 'vitest';
import { readCertificates } from '../../domain/pki/certificate.js';
import { type Ca, makeCa } from '../../x509/certificate-authority.js';
import { etcdBundle, keyPair, kubernetesBundle } from './cert-files.js';
import { leafOf } from './control-plane.test-support.js';
import { certPool, verifyChain, verifyHost } from './verify-client.js';

const day = 86_400_000;
const now = Date.now();
const dates = { notBeforeMs: now - 10 * day, notAfterMs: now + 1000 * day };
const ca = (serialNumber: string, more: Partial<Parameters<typeof makeCa>[0]> = {}): Promise<Ca> =>
  makeCa({ subject: { commonName: 'kubernetes', serialNumber }, ...dates, ...more });
const read = (pem: string) => readCertificates(pem, { source: 'test' });

async function judge(chain: string, pool: string, options: { atMs?: number; usage?: 'clientAuth' | 'serverAuth' } = {}): Promise<string> {
  return verifyChain(read(chain), { pool: certPool(read(pool)), nowMs: options.atMs ?? now, usage: options.usage ?? 'clientAuth' }) ?? 'ok';
}

describe('chains', () => {
  it('finds parents by name and tries all of them', async () => {
    const [one, two, other] = await Promise.all([ca('g1'), ca('g1'), ca('g2')]);
    const leaf = (await leafOf(one, 'x')).certificatePem;
    expect(await judge(leaf, two.certificatePem + one.certificatePem)).toBe('ok');
    expect(await judge(leaf, other.certificatePem)).toBe('x509: certificate signed by unknown authority');
    expect(await judge(leaf, two.certificatePem)).toBe(
      'x509: certificate signed by unknown authority (possibly because of "x509: ECDSA verification failure" while trying to verify candidate authority certificate "kubernetes")',
    );
  });

  it('takes any certificate of the pool as an anchor, and intermediates from the handshake', async () => {
    const root = await ca('root');
    const below = await makeCa({ subject: { commonName: 'below' }, signedBy: root, ...dates });
    const leaf = (await leafOf(below, 'x')).certificatePem;
    expect(await judge(leaf, below.certificatePem)).toBe('ok');
    expect(await judge(leaf, root.certificatePem)).toBe('x509: certificate signed by unknown authority');
    expect(await judge(leaf + below.certificatePem, root.certificatePem)).toBe('ok');
  });

  it('looks at the dates of leaves and of anchors', async () => {
    const root = await ca('root', { notAfterMs: now + 20 * day });
    const leaf = (await leafOf(root, 'x', { notBeforeMs: now - day, notAfterMs: now + 10 * day })).certificatePem;
    expect(await judge(leaf, root.certificatePem, { atMs: now - 2 * day })).toMatch(/^x509: certificate has expired or is not yet valid: current time \S+Z is before \S+Z$/);
    expect(await judge(leaf, root.certificatePem, { atMs: now + 11 * day })).toMatch(/is after/);
    const longer = (await leafOf(root, 'x', { notAfterMs: now + 300 * day })).certificatePem;
    expect(await judge(longer, root.certificatePem, { atMs: now + 30 * day })).toMatch(/is after/);
  });

  it('nests usages, and keeps path lengths', async () => {
    const serverOnly = await ca('s', { usages: ['serverAuth'] });
    expect(await judge((await leafOf(serverOnly, 'x')).certificatePem, serverOnly.certificatePem)).toBe('x509: certificate specifies an incompatible key usage');
    const root = await ca('root');
    expect(await judge((await leafOf(root, 'x', { usages: ['serverAuth'] })).certificatePem, root.certificatePem)).toBe('x509: certificate specifies an incompatible key usage');
    const short = await ca('short', { pathLength: 0 });
    const below = await makeCa({ subject: { commonName: 'below' }, signedBy: short, ...dates });
    const leaf = (await leafOf(below, 'x')).certificatePem;
    expect(await judge(leaf + below.certificatePem, short.certificatePem)).toBe('x509: too many intermediates for path length constraint');
  });

  it('lets no leaf sign', async () => {
    const root = await ca('root');
    const leaf = await leafOf(root, 'x');
    const fake = (await leafOf({ certificatePem: leaf.certificatePem, keyPem: leaf.key }, 'y')).certificatePem;
    expect(await judge(fake + leaf.certificatePem, root.certificatePem)).toMatch(/signed by unknown authority/);
  });
});

it('matches names against SANs only', async () => {
  const root = await ca('root');
  const [leaf] = read((await leafOf(root, 'cp1', { sans: ['DNS:cp1', 'DNS:*.example.com', 'IP:10.0.0.1'], usages: ['serverAuth'] })).certificatePem);
  const [bare] = read((await leafOf(root, 'cp1')).certificatePem);
  expect(['cp1', 'a.example.com', 'a.b.example.com', '10.0.0.1', '10.0.0.2'].map((host) => verifyHost(leaf!, host))).toEqual([
    undefined,
    undefined,
    'x509: certificate is valid for cp1, *.example.com, not a.b.example.com',
    undefined,
    'x509: certificate is valid for 10.0.0.1, not 10.0.0.2',
  ]);
  expect(verifyHost(bare!, 'cp1')).toBe('x509: certificate relies on legacy Common Name field, use SANs instead');
  expect(verifyHost(bare!, '10.0.0.1')).toBe("x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs");
});

it('reads bundles as Kubernetes and as etcd do', async () => {
  const pem = (await ca('root')).certificatePem;
  const key = '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n';
  const malformed = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  expect(kubernetesBundle(`words\n${key}${pem}`)).toHaveLength(1);
  expect(() => kubernetesBundle(pem + malformed)).toThrow('x509: malformed certificate');
  expect(() => kubernetesBundle(key)).toThrow('data does not contain any valid RSA or ECDSA certificates');
  // Without a newline between them neither is a block.
  expect(() => kubernetesBundle(pem.trimEnd() + pem)).toThrow('data does not contain any valid');
  expect(() => etcdBundle(pem + key)).toThrow('x509: malformed certificate');
  const leaf = await leafOf(await ca('root'), 'x');
  const other = await leafOf(await ca('root'), 'x');
  expect(() => keyPair(Buffer.from(leaf.certificatePem), other.key.reveal())).toThrow('tls: private key does not match public key');
});
