import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createPaperKube } from '../../test/support/paper-kube.js';
import { takeClusterLease } from './cluster-lease.js';

const seconds = (ago: number) => new Date(Date.now() - ago * 1000).toISOString();
const mine = `r1@${hostname()}:${process.pid}`;

function cluster(holderIdentity?: string, renewedAgo = 0) {
  const api = createPaperKube();
  const put = (holder: string, ago: number) =>
    api.put({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'kube-system', name: 'rotate-ca' },
      spec: { holderIdentity: holder, leaseDurationSeconds: 60, renewTime: seconds(ago) },
    });
  if (holderIdentity !== undefined) put(holderIdentity, renewedAgo);
  const holder = () => (api.read('Lease', 'rotate-ca', 'kube-system')?.spec as { holderIdentity: string } | undefined)?.holderIdentity;
  return { api, put, holder, take: () => takeClusterLease(() => api.kube, 'r1') };
}

describe('the Lease of a run', () => {
  it.each<[string, string | undefined, number]>([
    ['nobody holds', undefined, 0],
    ['was given up', '', 5],
    ['somebody elsewhere has not renewed for more than two minutes', 'r0@elsewhere:4711', 121],
    ['another process of this machine holds: the file lock has decided', `r0@${hostname()}:1`, 5],
  ])('that %s is taken, and gone after release', async (_, holder, ago) => {
    const at = cluster(holder, ago);
    const lease = await at.take();
    expect(at.holder()).toBe(mine);
    await lease.release();
    expect(at.holder()).toBeUndefined();
  });

  it.each([5, 59, 115])('that somebody elsewhere renewed %i s ago is refused, with who it is', async (ago) => {
    const at = cluster('r0@elsewhere:4711', ago);
    await expect(at.take()).rejects.toMatchObject({ code: 'state-locked', message: expect.stringContaining('r0@elsewhere:4711') });
    expect(at.holder()).toBe('r0@elsewhere:4711');
  });

  it('that somebody else took in the meantime is not theirs to lose by our release', async () => {
    const at = cluster();
    const lease = await at.take();
    at.put('r2@elsewhere:1', 0);
    await lease.release();
    expect(at.holder()).toBe('r2@elsewhere:1');
  });

  it('of two that take it at once one is refused', async () => {
    const at = cluster('r0@elsewhere:4711', 600);
    at.api.beforeReplace(() => at.put('r2@elsewhere:1', 0));
    await expect(at.take()).rejects.toMatchObject({ code: 'api-refused' });
    expect(at.holder()).toBe('r2@elsewhere:1');
  });
});
