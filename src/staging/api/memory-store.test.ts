/** The store: revisions, conditions, generations, events and their history. */

import { describe, expect, it } from 'vitest';
import { createStore } from './memory-store.js';
import { type NewObject, StoreRefusal } from './store.js';

const key = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'a', name: 'x' };
const config = (data: Record<string, string>, metadata: Partial<NewObject['metadata']> = {}, rest: Record<string, unknown> = {}): NewObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'a', name: 'x', ...metadata },
  data,
  ...rest,
});

function refusal(act: () => unknown): { reason: string; message: string } {
  try {
    act();
  } catch (error) {
    if (error instanceof StoreRefusal) return { reason: error.reason, message: error.message };
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the store', () => {
  it('gives uid, revision and time; an update without a change is none', () => {
    const store = createStore();
    const made = store.create(config({ k: '1' }));
    expect(made.metadata).toMatchObject({ resourceVersion: '1', uid: expect.stringMatching(/^[0-9a-f-]{36}$/), creationTimestamp: expect.stringMatching(/^\d{4}-.*\dZ$/) });
    expect(made.metadata.generation).toBeUndefined();
    expect(store.update(config({ k: '1' }))).toBe(made);
    expect(store.revision).toBe(1);
    expect(store.update(config({ k: '2' })).metadata).toEqual({ ...made.metadata, resourceVersion: '2' });
    expect(store.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'b' })).toEqual([]);
  });

  it('counts generations of what is meant, not of what is seen', () => {
    const store = createStore();
    const deployment = (spec: object, status: object, labels = {}): NewObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { namespace: 'a', name: 'd', labels },
      spec,
      status,
    });
    const generations = [
      store.create(deployment({ replicas: 1 }, {})),
      store.update(deployment({ replicas: 1 }, { ready: 1 })),
      store.update(deployment({ replicas: 1 }, { ready: 1 }, { l: '1' })),
      store.update(deployment({ replicas: 2 }, { ready: 1 })),
    ];
    expect(generations.map((one) => one.metadata.generation)).toEqual([1, 1, 1, 2]);
  });

  it.each([
    ['a second create', (s: ReturnType<typeof createStore>) => s.create(config({})), 'AlreadyExists', 'configmaps "x" already exists'],
    ['an update of nothing', (s: ReturnType<typeof createStore>) => s.update(config({}, { name: 'y' })), 'NotFound', 'configmaps "y" not found'],
    [
      'another version',
      (s: ReturnType<typeof createStore>) => s.update(config({ k: '2' }, { resourceVersion: '99' })),
      'Conflict',
      'Operation cannot be fulfilled on configmaps "x": the object has been modified; please apply your changes to the latest version and try again',
    ],
    ['another uid', (s: ReturnType<typeof createStore>) => s.remove(key, { uid: 'u' }), 'Conflict', /Precondition failed: UID in precondition: u, UID in object meta: [0-9a-f-]+$/],
  ])('refuses %s', (_what, act, reason, message) => {
    const store = createStore();
    store.create(config({ k: '1' }));
    const refused = refusal(() => act(store));
    expect(refused.reason).toBe(reason);
    expect(refused.message).toMatch(message);
    expect(store.revision).toBe(1);
  });

  it('refuses new data of an immutable object in the words of the API', () => {
    const store = createStore();
    store.create({ ...config({ k: '1' }), immutable: true });
    expect(refusal(() => store.update({ ...config({ k: '2' }), immutable: true }))).toEqual({
      reason: 'Invalid',
      message: 'ConfigMap "x" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    });
    expect(refusal(() => store.update(config({ k: '1' }))).message).toBe('ConfigMap "x" is invalid: immutable: Forbidden: field is immutable when `immutable` is set');
    expect(store.update({ ...config({ k: '1' }, { labels: { a: 'b' } }), immutable: true }).metadata.labels).toEqual({ a: 'b' });
  });

  it('writes stringData into data, and names by generateName', () => {
    const store = createStore();
    const made = store.create({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'a', generateName: 's-' }, data: { a: 'QQ==' }, stringData: { b: 'B' } });
    expect(made.metadata.name).toMatch(/^s-[a-z0-9]{5}$/);
    expect(made.data).toEqual({ a: 'QQ==', b: 'Qg==' });
    expect(made.stringData).toBeUndefined();
  });

  it('tells of changes in order, also of those that listeners make', () => {
    const store = createStore();
    const seen: string[] = [];
    store.onEvent(({ type, object }) => {
      if (type === 'ADDED' && object.metadata.name === 'x') store.create(config({}, { name: 'y' }));
    });
    const off = store.onEvent(({ type, object }) => seen.push(`${type} ${object.metadata.name} ${object.metadata.resourceVersion}`));
    store.create(config({}));
    store.remove(key);
    expect(seen).toEqual(['ADDED x 1', 'ADDED y 2', 'DELETED x 3']);
    off();
    store.create(config({}, { name: 'w' }));
    expect(seen).toHaveLength(3);
  });

  it('keeps a bounded history', () => {
    const store = createStore({ history: 10 });
    store.create(config({}));
    for (let i = 0; i < 30; i++) store.update(config({ k: String(i) }));
    expect(store.since(1)).toBeUndefined();
    expect(store.since(29)?.map((event) => event.revision)).toEqual([30, 31]);
    expect(store.since(31)).toEqual([]);
  });

  it('is the same after dump and load; in a running cluster the differences become events', () => {
    const store = createStore();
    const kept = store.create(config({}));
    store.create(config({ k: '1' }, { name: 'y' }));
    const dump = store.dump();
    const other = createStore();
    other.load(dump);
    expect(other.dump()).toBe(dump);
    expect(other.since(1)).toBeUndefined();
    store.update(config({ k: '2' }, { name: 'y' }));
    store.create(config({}, { name: 'z' }));
    const seen: string[] = [];
    store.onEvent(({ type, object }) => seen.push(`${type} ${object.metadata.name}`));
    store.load(dump);
    expect(seen).toEqual(['DELETED z', 'MODIFIED y']);
    expect(store.get(key)).toBe(kept);
    expect(store.get({ ...key, name: 'y' })?.data).toEqual({ k: '1' });
  });
});
