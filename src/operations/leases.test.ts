import { describe, expect, it } from 'vitest';
import { createPaperKube } from '../../test/support/paper-kube.js';
import { leadersLast, readLease, releaseLeaseOfEnded } from './leases.js';

const options = { deadlineMs: 20_000 };
const startedMs = Date.UTC(2026, 0, 1, 12);
const lease = (name: string, holder: string, renewedMs = startedMs - 5000) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, namespace: 'kube-system' },
  spec: { holderIdentity: holder, renewTime: new Date(renewedMs).toISOString(), leaseDurationSeconds: 15 },
});

describe('leadersLast', () => {
  it.each([
    ['cp1_a', 'cp1_b', [['cp2'], ['cp3'], ['cp1']]],
    ['cp1_a', 'cp3_b', [['cp2'], ['cp3'], ['cp1']]],
    ['', 'elsewhere_b', [['cp1'], ['cp2'], ['cp3']]],
  ])('manager %s, scheduler %s', async (manager, scheduler, waves) => {
    const { kube, put } = createPaperKube();
    put(lease('kube-controller-manager', manager));
    put(lease('kube-scheduler', scheduler));
    expect(await leadersLast(kube, ['cp1', 'cp2', 'cp3'], options)).toEqual(waves);
  });

  it('takes a node alone where there are no leases', async () => {
    const { kube } = createPaperKube();
    expect(await leadersLast(kube, ['cp1'], options)).toEqual([['cp1']]);
  });
});

describe('releaseLeaseOfEnded', () => {
  const ended = { node: 'cp1', endedBeforeMs: startedMs, skewMs: 100 };

  it.each([
    ['held by the ended one', lease('kube-scheduler', 'cp1_a'), true],
    ['held by another node', lease('kube-scheduler', 'cp2_a'), false],
    ['held by a node whose name begins alike', lease('kube-scheduler', 'cp10_a'), false],
    ['renewed since', lease('kube-scheduler', 'cp1_a', startedMs + 1), false],
    ['renewed within the skew', lease('kube-scheduler', 'cp1_a', startedMs - 50), false],
    ['held by nobody', lease('kube-scheduler', ''), false],
  ])('%s: %s', async (_, object, freed) => {
    const { kube, put } = createPaperKube();
    put(object);
    expect(await releaseLeaseOfEnded(kube, 'kube-scheduler', ended, options)).toBe(freed);
    expect((await readLease(kube, 'kube-scheduler', options))?.holder).toBe(freed ? '' : object.spec.holderIdentity);
  });

  it('leaves it to whoever took it in between', async () => {
    const { kube, put, beforeReplace } = createPaperKube();
    put(lease('kube-scheduler', 'cp1_a'));
    beforeReplace(() => put(lease('kube-scheduler', 'cp2_b', startedMs + 1)));
    expect(await releaseLeaseOfEnded(kube, 'kube-scheduler', ended, options)).toBe(false);
    expect((await readLease(kube, 'kube-scheduler', options))?.holder).toBe('cp2_b');
  });
});
