import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signerOf } from '../../operations/trust-bundles.js';
import { clientOf } from '../../operations/kubelet.js';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { renewKubelets } from './kind.js';

const both = { trusts: ['outgoing', 'incoming'], identity: 'keep' } as const;
const incoming = { trusts: ['outgoing', 'incoming'], identity: 'incoming' } as const;
const parse = (p: { trusts: readonly ('outgoing' | 'incoming')[]; identity: 'keep' | 'incoming' }) => renewKubelets.params.parse(p);

let world: PaperWorld;
beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

const signer = async () => signerOf(world.site(), (await clientOf(world.site()))?.certificatePem ?? '');

describe('renew-kubelets', () => {
  it('replaces trust and identity, is present and proved, and goes back byte for byte', async () => {
    const before = world.node.snapshot();
    const checkpoint = await renewKubelets.checkpoint(world.site(), parse(incoming));
    await renewKubelets.apply(world.site(), parse(incoming));
    expect(await signer()).toBe('incoming');
    expect(await renewKubelets.inspect(world.site(), parse(incoming))).toBe('present');
    expect(await renewKubelets.verify(world.site(), parse(incoming))).toEqual([]);
    await renewKubelets.undo(world.site(), parse(incoming), checkpoint);
    const staged = (path: string): boolean => path.startsWith('/var/lib/rotate-ca');
    expect(Object.fromEntries(Object.entries(world.node.snapshot()).filter(([path]) => !staged(path)))).toEqual(before);
  });

  it('the first request of an API server after the restart, which client-go may fail, is made here and not by an operator', async () => {
    const checkpoint = await renewKubelets.checkpoint(world.site(), parse(both));
    await renewKubelets.apply(world.site(), parse(both));
    let failing = 1;
    world.api.onGet((path) => (path.includes('/proxy/healthz') && failing-- > 0 ? { status: 503, body: 'use of closed network connection' } : { status: 200, body: 'ok' }));
    await renewKubelets.undo(world.site(), parse(both), checkpoint);
    expect(failing).toBe(-1);
  });

  it('killed between the write and the restart it is partial, and a second apply restarts', async () => {
    world.node.killAfter(1);
    await expect(renewKubelets.apply(world.site(), parse(both))).rejects.toMatchObject({ code: 'ssh-lost' });
    world.node.killAfter(Number.POSITIVE_INFINITY);
    expect(await renewKubelets.inspect(world.site(), parse(both))).toBe('partial');
    await renewKubelets.apply(world.site(), parse(both));
    expect(await renewKubelets.inspect(world.site(), parse(both))).toBe('present');
  });

  it('its undo restarts the kubelet when only the link goes back', async () => {
    await renewKubelets.apply(world.site(), parse(both));
    const checkpoint = await renewKubelets.checkpoint(world.site(), parse(incoming));
    await renewKubelets.apply(world.site(), parse(incoming));
    const pids = async () => (await world.site().shell.must('ls /proc', { deadlineMs: 20_000 })).split('\n').filter((n) => /^\d/.test(n));
    const before = await pids();
    await renewKubelets.undo(world.site(), parse(incoming), checkpoint);
    expect(await pids()).not.toEqual(before);
    expect(await signer()).toBe('outgoing');
  });

  it('is not present while a leaf of the outgoing CA is left behind after the drop', async () => {
    await renewKubelets.apply(world.site(), parse(incoming));
    const drop = parse({ trusts: ['incoming'], identity: 'keep' });
    world.node.killAfter(2);
    await expect(renewKubelets.apply(world.site(), drop)).rejects.toMatchObject({ code: 'ssh-lost' });
    world.node.killAfter(Number.POSITIVE_INFINITY);
    expect(await renewKubelets.inspect(world.site(), drop)).toBe('partial');
    await renewKubelets.apply(world.site(), drop);
    expect(await renewKubelets.inspect(world.site(), drop)).toBe('present');
    expect(Object.keys(world.node.snapshot()).filter((p) => /kubelet-client-\d/.test(p))).toHaveLength(1);
  });
});
