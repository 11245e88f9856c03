import { describe, expect, it } from 'vitest';
import { type PodLife, rolledIn, troubleOfPods } from './pod-lives.js';

const pod = (uid: string, restarts = 0): PodLife => ({ name: `shop/shop-${uid}`, uid, restarts, workload: 'Deployment shop/shop' });

describe('lives of pods', () => {
  it('are in order where each is the same with as many restarts', () => {
    expect(troubleOfPods([pod('a', 2), pod('b')], [pod('b'), pod('a', 2), pod('c')], new Set())).toEqual([]);
  });

  it('are not where one is gone or was restarted, but for workloads that were rolled', () => {
    const before = [pod('a'), pod('b')];
    const after = [pod('b', 1)];
    expect(troubleOfPods(before, after, new Set())).toEqual(['shop/shop-a (Deployment shop/shop) is gone', 'shop/shop-b (Deployment shop/shop) was restarted 1 times']);
    expect(troubleOfPods(before, after, new Set(['Deployment shop/shop']))).toEqual([]);
  });

  it('tells from its notes what a run has rolled', () => {
    const message = 'DaemonSet kube-flannel/kube-flannel-ds has rolled: proved after 9.6 s (rule: asked of the API)';
    const facts = [{ atMs: 0, fact: { type: 'note', step: 'roll-workloads', target: 'cluster', message } as const }];
    expect([...rolledIn(facts)]).toEqual(['DaemonSet kube-flannel/kube-flannel-ds']);
  });
});
