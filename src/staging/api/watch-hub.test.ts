/** Who is told of what: each watch its own, in order, also when the member of the server was away. */

import { describe, expect, it } from 'vitest';
import { createStore } from './memory-store.js';
import { nodeNameIn } from './selectors.js';
import type { StoreEvent } from './store.js';
import { createWatchHub } from './watch-hub.js';

const pod = (name: string, nodeName?: string) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'a', name }, spec: nodeName === undefined ? {} : { nodeName } });

describe('watches of pods by node', () => {
  it('are told of a pod from its binding on, and of its end', () => {
    const store = createStore();
    const hub = createWatchHub(store, () => true);
    const told: string[] = [];
    const end = hub.follow('v1', 'Pod', ({ type, object }) => told.push(`${type} ${object.metadata.name}`), 'w1');
    store.create(pod('x'));
    store.create(pod('y', 'w2'));
    store.update(pod('x', 'w1'));
    store.remove({ apiVersion: 'v1', kind: 'Pod', namespace: 'a', name: 'x' });
    end();
    store.create(pod('z', 'w1'));
    expect(told).toEqual(['MODIFIED x', 'DELETED x']);
  });

  it('get what they have missed while the member was away', () => {
    const store = createStore();
    let isHealthy = true;
    const hub = createWatchHub(store, () => isHealthy);
    const told: string[] = [];
    hub.follow('v1', 'Pod', ({ object }) => told.push(object.metadata.name), 'w1');
    isHealthy = false;
    store.create(pod('x', 'w1'));
    store.create(pod('y', 'w2'));
    expect(told).toEqual([]);
    isHealthy = true;
    hub.catchUp();
    expect(told).toEqual(['x']);
  });

  it.each([10, 200])('with %i kubelets an event goes to one of them', (nodes) => {
    const store = createStore();
    const hub = createWatchHub(store, () => true);
    const calls = { kubelets: 0, whole: 0 };
    const count = (whom: keyof typeof calls) => (_: StoreEvent) => void calls[whom]++;
    hub.follow('v1', 'Pod', count('whole'));
    for (let n = 0; n < nodes; n++) hub.follow('v1', 'Pod', count('kubelets'), `w${n}`);
    for (let n = 0; n < nodes; n++) store.create(pod(`p${n}`, `w${n}`));
    expect(calls).toEqual({ kubelets: nodes, whole: nodes });
  });

  it.each([
    ['spec.nodeName=w1', 'w1'],
    ['status.phase=Running,spec.nodeName==w1', 'w1'],
    ['spec.nodeName!=w1', undefined],
    ['metadata.name=w1', undefined],
    [null, undefined],
  ])('are known by the selector %s', (selector, expected) => {
    expect(nodeNameIn(selector)).toBe(expected);
  });
});
