import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFlags } from '../../domain/cluster/manifest.js';
import { bundlePem } from '../../operations/trust-bundles.js';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { renewControlPlane } from './kind.js';

const split = renewControlPlane.params.parse({ signer: 'split', trusts: ['outgoing', 'incoming'] });
const asBefore = renewControlPlane.params.parse({ signer: 'as-before', trusts: ['incoming'] });

let world: PaperWorld;
beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

const manifest = () => world.node.text('/etc/kubernetes/manifests/kube-controller-manager.yaml') ?? '';

describe('renew-control-plane', () => {
  it('splits the signer, and is present and proved afterwards', async () => {
    await renewControlPlane.apply(world.site(), split);
    expect(readFlags(manifest())).toMatchObject({ 'cluster-signing-cert-file': '/etc/kubernetes/pki/signing-ca.crt', 'root-ca-file': '/etc/kubernetes/pki/published-ca.crt' });
    expect(world.node.text('/etc/kubernetes/pki/signing-ca.crt')).toBe(world.cas.outgoing.certificatePem);
    expect(world.node.text('/etc/kubernetes/pki/published-ca.crt')).toBe(bundlePem(world.site(), ['outgoing', 'incoming']));
    expect(await renewControlPlane.inspect(world.site(), split)).toBe('present');
    expect(await renewControlPlane.verify(world.site(), split)).toEqual([]);
  });

  it.each([
    ['a manifest', '/etc/kubernetes/manifests/kube-controller-manager.yaml'],
    ['a kubeconfig', '/etc/kubernetes/scheduler.conf'],
  ])('finds that something else has put back %s', async (_, path) => {
    const before = world.node.text(path) ?? '';
    await renewControlPlane.apply(world.site(), split);
    await world.node.shell.replaceFile(path, { bytes: Buffer.from(before), mode: '0600', uid: 0, gid: 0 }, { deadlineMs: 5000 });
    // A component that has not read its kubeconfig is waited for, too.
    const site = world.site({ deadlineMs: path.endsWith('.conf') ? 1 : 60_000 });
    expect(await renewControlPlane.verify(site, split)).toContainEqual(expect.objectContaining({ code: 'file-changed', summary: `${path} is not what was written` }));
  });

  it('gives back the manifests byte for byte when the signer is as before', async () => {
    const before = manifest();
    await renewControlPlane.apply(world.site(), split);
    await renewControlPlane.apply(world.site(), asBefore);
    expect(manifest()).toBe(before);
    expect(world.node.text('/etc/kubernetes/pki/signing-ca.key')).toBeUndefined();
    expect(world.node.text('/etc/kubernetes/pki/published-ca.crt')).toBeUndefined();
  });

  it.each([2, 3, 4, 5])('killed after %i changes it is undone byte for byte, and twice', async (changes) => {
    const before = world.node.snapshot();
    const checkpoint = await renewControlPlane.checkpoint(world.site(), split);
    world.node.killAfter(changes);
    await renewControlPlane.apply(world.site(), split).catch(() => undefined);
    world.node.killAfter(Number.POSITIVE_INFINITY);
    await renewControlPlane.undo(world.site(), split, checkpoint);
    await renewControlPlane.undo(world.site(), split, checkpoint);
    expect(world.node.snapshot()).toEqual(before);
  });

  it.each([2, 4])('killed after %i changes it is partial, and applied again to the end', async (changes) => {
    world.node.killAfter(changes);
    await expect(renewControlPlane.apply(world.site(), split)).rejects.toMatchObject({ code: 'ssh-lost' });
    world.node.killAfter(Number.POSITIVE_INFINITY);
    expect(await renewControlPlane.inspect(world.site(), split)).toBe('partial');
    await renewControlPlane.apply(world.site(), split);
    expect(await renewControlPlane.verify(world.site(), split)).toEqual([]);
  });
});
