import { createPrivateKey, X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readKubeconfig } from '../domain/cluster/kubeconfig.js';
import { createPaperWorld, type PaperWorld } from '../../test/support/paper-world.js';
import { rewriteKubeconfig } from './kubeconfig-on-node.js';
import { type LeafWish, readKeyType, readSans, readSubject, stageLeaf } from './leaf-on-node.js';
import { bundlePem, signerOf } from './trust-bundles.js';

let world: PaperWorld;
beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

const wish: LeafWish = { name: 'leaf', keyType: 'ecdsa-p256', organizations: ['system:nodes'], commonName: 'system:node:w1', sans: [], usages: ['clientAuth'], ttlMs: 3600_000 };

/** What a test looks at: the key lies there, 0600, and fits the certificate. */
function isPair(pem: string, keyPath: string): boolean {
  const key = createPrivateKey(world.node.text(keyPath) ?? '');
  return world.node.snapshot()[keyPath]?.startsWith('600 ') === true && new X509Certificate(pem).checkPrivateKey(key);
}

describe('stageLeaf', () => {
  it.each<[string, Partial<LeafWish>]>([
    ['EC, subject with colons', {}],
    ['EC P-384', { keyType: 'ecdsa-p384' }],
    ['RSA', { keyType: 'rsa-2048' }],
    ['several groups', { organizations: ['system:masters', 'kubeadm:cluster-admins'] }],
    ['SANs', { commonName: 'kube-apiserver', organizations: [], sans: ['DNS:kubernetes', 'DNS:*.example.org', 'IP:10.96.0.1', 'IP:fd00::1'], usages: ['serverAuth'] }],
  ])('%s: the key is made on the node, the leaf is of the incoming CA', async (_, more) => {
    const asked = { ...wish, ...more };
    const { certificatePem, keyPath } = await stageLeaf(world.site(), asked);
    expect(isPair(certificatePem, keyPath)).toBe(true);
    expect(signerOf(world.site(), certificatePem)).toBe('incoming');
    expect(readSubject(certificatePem)).toEqual({ commonName: asked.commonName, organizations: asked.organizations });
    expect(readKeyType(certificatePem)).toBe(asked.keyType);
    expect(readSans(certificatePem).map((san) => san.replace('FD00:0:0:0:0:0:0:1', 'fd00::1'))).toEqual(asked.sans);
  });

  it('is found again, and not made twice', async () => {
    const first = await stageLeaf(world.site(), wish);
    expect(await stageLeaf(world.site(), wish)).toEqual(first);
  });

  it.each([1, 2])('killed after %i changes it is made to the end, and fits', async (changes) => {
    world.node.killAfter(changes);
    await stageLeaf(world.site(), wish).catch(() => undefined);
    world.node.killAfter(Number.POSITIVE_INFINITY);
    const { certificatePem, keyPath } = await stageLeaf(world.site(), wish);
    expect(isPair(certificatePem, keyPath)).toBe(true);
  });
});

describe('rewriteKubeconfig', () => {
  const path = '/etc/kubernetes/scheduler.conf';

  it('puts in trust, leaf and the key that lies on the node, and keeps all else', async () => {
    const before = world.node.text(path) ?? '';
    const leaf = await stageLeaf(world.site(), wish);
    const caPem = bundlePem(world.site(), ['outgoing', 'incoming']);
    await rewriteKubeconfig(world.site(), path, { caPem, leaf });
    const text = world.node.text(path) ?? '';
    const read = readKubeconfig(text, path);
    expect(read.caPem).toBe(caPem);
    expect(read.clientCertificatePem).toBe(leaf.certificatePem);
    expect(read.clientKey?.reveal().toString('utf8')).toBe(world.node.text(leaf.keyPath));
    const plain = (conf: string): string => conf.replaceAll(/-data: \S+/g, '-data: x');
    expect(plain(text)).toBe(plain(before));
    expect(world.node.snapshot()[path]).toMatch(/^600 /);
    const left = Object.keys(world.node.snapshot()).filter((p) => /\.tmp$|key\.b64$/.test(p));
    expect(left).toEqual([]);
  });

  it('does not touch what is already as wanted', async () => {
    const leaf = await stageLeaf(world.site(), wish);
    const change = { caPem: bundlePem(world.site(), ['incoming']), leaf };
    await rewriteKubeconfig(world.site(), path, change);
    let changes = 0;
    world.node.onChange(() => changes++);
    await rewriteKubeconfig(world.site(), path, change);
    expect(changes).toBe(0);
  });

  it('says which file is missing', async () => {
    await expect(rewriteKubeconfig(world.site(), '/etc/kubernetes/none.conf', { caPem: '' })).rejects.toMatchObject({ code: 'file-missing' });
  });
});
