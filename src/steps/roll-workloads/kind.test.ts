import { beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../ports/kube.js';
import type { Site } from '../../ports/step-kind.js';
import { createPaperKube, type PaperKube } from '../../../test/support/paper-kube.js';
import { rollWorkloads } from './kind.js';

const publishedMs = Date.UTC(2026, 0, 1, 12);
const nowMs = publishedMs + 600_000;
const params = rollWorkloads.params.parse({});

let api: PaperKube;
let told: string[];
const site = (uids: readonly string[]): Site =>
  ({
    target: 'cluster',
    run: { id: 'r1', attempt: 1 },
    access: api.access,
    artefacts: {
      get: (name: string) => (name === 'published-outgoing+incoming-1.txt' ? `${[new Date(publishedMs).toISOString(), ...uids].join('\n')}\n` : undefined),
      put: () => undefined,
    },
    signal: new AbortController().signal,
    deadlineAtMs: nowMs + 10_000,
    now: () => nowMs,
    wait: () => Promise.resolve(),
    tell: (message: string) => void told.push(message),
  }) as unknown as Site;

const volumes = [{ name: 'token', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] } }];
function pod(name: string, uid: string, owner: { kind: string; name: string }, startedAtMs = publishedMs - 3600_000): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid, ownerReferences: [{ ...owner, uid: 'o', controller: true }] },
    spec: { nodeName: 'w1', volumes, containers: [{ name: 'main', volumeMounts: [{ name: 'token' }] }] },
    status: { phase: 'Running', containerStatuses: [{ name: 'main', state: { running: { startedAt: new Date(startedAtMs).toISOString() } } }] },
  };
}
const set = (name: string, spec: object): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name, namespace: 'default', generation: 1 },
  spec: { replicas: 1, ...spec },
});

/** The controller: a patched template is rolled out at once, with another pod. */
function controllers(): void {
  api.onWrite((object) => {
    const at = (object.spec as { template?: { metadata?: { annotations?: Record<string, string> } } }).template?.metadata?.annotations;
    if (object.kind !== 'StatefulSet' || at === undefined || object.status !== undefined) return;
    queueMicrotask(() => {
      api.put({ ...object, status: { observedGeneration: 9, updatedReplicas: 1, readyReplicas: 1, currentRevision: 'b', updateRevision: 'b' } });
      api.put(pod(`${object.metadata.name}-0`, `${object.metadata.name}-after`, { kind: 'StatefulSet', name: object.metadata.name }, nowMs));
    });
  });
}

beforeEach(() => {
  api = createPaperKube();
  told = [];
  controllers();
});

const isRolled = (name: string): boolean => JSON.stringify(api.read('StatefulSet', name, 'default')).includes('restartedAt');

describe('roll-workloads', () => {
  it('rolls what was there at publication, and then has nothing left', async () => {
    api.put(set('db', {}));
    api.put(pod('db-0', 'db-before', { kind: 'StatefulSet', name: 'db' }));
    expect(await rollWorkloads.inspect(site(['db-before']), params)).toBe('absent');
    await rollWorkloads.apply(site(['db-before']), params);
    expect(await rollWorkloads.inspect(site(['db-before']), params)).toBe('present');
    expect(await rollWorkloads.verify(site(['db-before']), params)).toEqual([]);
  });

  it.each([
    ['was made after the publication, on a node whose clock is behind', 'other', publishedMs - 50_000, 'present'],
    ['was there, on a node whose clock is ahead', 'here', publishedMs + 50_000, 'absent'],
    ['was there, and its container restarted before its volume was refreshed', 'here', publishedMs + 80_000, 'absent'],
    ['was there, and its container restarted long after', 'here', publishedMs + 400_000, 'present'],
  ])('a pod that %s', async (_, uid, startedAtMs, expected) => {
    api.put(set('db', {}));
    api.put(pod('db-0', uid, { kind: 'StatefulSet', name: 'db' }, startedAtMs));
    expect(await rollWorkloads.inspect(site(['here']), params)).toBe(expected);
  });

  it.each([
    ['is paused', { paused: true }],
    ['is updated on deletion only', { updateStrategy: { type: 'OnDelete' } }],
    ['has a partition', { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } }],
  ])('what %s is told and not waited for', async (why, spec) => {
    api.put(set('db', spec));
    api.put(pod('db-0', 'a', { kind: 'StatefulSet', name: 'db' }));
    await rollWorkloads.apply(site(['a']), params);
    expect(isRolled('db')).toBe(false);
    expect(told.join('\n')).toContain(why);
    expect(await rollWorkloads.verify(site(['a']), params)).toEqual([]);
  });

  it('goes on with a rollout that was begun before the engine was ended', async () => {
    const template = { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': new Date(publishedMs + 1000).toISOString() } } };
    api.put({ ...set('db', { template }), status: { observedGeneration: 1, updatedReplicas: 1, readyReplicas: 1, currentRevision: 'b', updateRevision: 'b' } });
    api.put(pod('db-0', 'a', { kind: 'StatefulSet', name: 'db' }));
    const before = api.read('StatefulSet', 'db', 'default')?.metadata.resourceVersion;
    await rollWorkloads.apply(site(['a']), params);
    expect(api.read('StatefulSet', 'db', 'default')?.metadata.resourceVersion).toBe(before);
  });

  it('waits for a budget, and says which one closes the way', async () => {
    api.put(set('db', { template: {} }));
    api.put({ ...pod('db-0', 'a', { kind: 'StatefulSet', name: 'db' }), metadata: { ...pod('db-0', 'a', { kind: 'StatefulSet', name: 'db' }).metadata, labels: { app: 'db' } } });
    api.put({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'db-budget', namespace: 'default' },
      spec: { selector: { matchLabels: { app: 'db' } } },
      status: { disruptionsAllowed: 0 },
    });
    let at = nowMs;
    function pass(ms: number): void {
      at += ms;
    }
    const closed = { ...site(['a']), now: () => at, wait: async (ms: number) => pass(ms) } as Site;
    await expect(rollWorkloads.apply(closed, params)).rejects.toMatchObject({ code: 'disruption-blocked', message: expect.stringContaining('db-budget') });
    expect(isRolled('db')).toBe(false);
  });
});
