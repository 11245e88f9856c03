import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientOf } from '../../operations/kubelet.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { renewKubelets } from '../renew-kubelets/kind.js';
import { setServerTrust } from '../set-server-trust/kind.js';
import { healJoinedNodes } from './kind.js';

const nothing = { files: [], objects: [], notes: {} };
let world: PaperWorld;

/** A node that joined under the incoming CA: its kubelet presents a leaf of it and trusts both. */
beforeEach(async () => {
  world = await createPaperWorld();
  await setServerTrust.apply(world.site(), setServerTrust.params.parse({ trusts: ['outgoing', 'incoming'] }));
  await renewKubelets.apply(world.site(), renewKubelets.params.parse({ trusts: ['outgoing', 'incoming'], identity: 'incoming' }));
});
afterEach(() => world.close());

const client = async () => (await clientOf(world.site()))?.certificatePem ?? '';
const kubelets = async () => (await world.site().shell.must('ls /proc', { deadlineMs: 20_000 })).split('\n').filter((n) => /^\d/.test(n));

describe('heal-joined-nodes', () => {
  it('gives the node a certificate of the outgoing CA with the same name and groups', async () => {
    const before = new X509Certificate(await client()).subject;
    await healJoinedNodes.undo(world.site(), {}, nothing);
    expect(signerOf(world.site(), await client())).toBe('outgoing');
    expect(new X509Certificate(await client()).subject).toBe(before);
    expect(world.node.text('/etc/kubernetes/pki/ca.crt')).toBe(bundlePem(world.site(), ['outgoing']));
    expect(world.node.text('/etc/kubernetes/kubelet.conf')).toContain(Buffer.from(bundlePem(world.site(), ['outgoing'])).toString('base64'));
  });

  it.each([3, 4, 5, 6])('killed after %i changes it is done to the end by the next undo: the kubelet is restarted', async (changes) => {
    const before = await kubelets();
    world.node.killAfter(changes);
    await healJoinedNodes.undo(world.site(), {}, nothing).catch(() => undefined);
    world.node.killAfter(Number.POSITIVE_INFINITY);
    await healJoinedNodes.undo(world.site(), {}, nothing);
    expect(signerOf(world.site(), await client())).toBe('outgoing');
    expect(await kubelets()).not.toEqual(before);
    const left = Object.keys(world.node.snapshot()).filter((path) => /kubelet-client-\d/.test(path));
    for (const path of left) expect(signerOf(world.site(), world.node.text(path) ?? ''), path).toBe('outgoing');
  });

  it('installs nothing that the incoming CA signed: the signer must have been taken back before', async () => {
    world.node.put('/etc/kubernetes/pki/ca.key', world.cas.incoming.keyPem.reveal().toString('utf8'));
    world.node.put('/etc/kubernetes/pki/ca.crt', world.cas.incoming.certificatePem);
    const before = await client();
    await expect(healJoinedNodes.undo(world.site(), {}, nothing)).rejects.toMatchObject({ code: 'trust-not-loaded' });
    expect(await client()).toBe(before);
  });

  it('leaves nodes alone whose certificate is of the outgoing CA', async () => {
    await healJoinedNodes.undo(world.site(), {}, nothing);
    const before = { files: world.node.snapshot(), kubelets: await kubelets() };
    await healJoinedNodes.undo(world.site(), {}, nothing);
    expect({ files: world.node.snapshot(), kubelets: await kubelets() }).toEqual(before);
  });
});
