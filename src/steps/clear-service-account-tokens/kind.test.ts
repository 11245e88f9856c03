import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPaperKube, type PaperKube } from '../../../test/support/paper-kube.js';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import type { Inventory, NodeRecord } from '../../domain/cluster/inventory.js';
import { failuresOf } from '../../domain/errors.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site } from '../../ports/step-kind.js';
import { clearServiceAccountTokens } from './kind.js';
import { paceOf } from '../../operations/making-tokens-again.js';

const pki = '/etc/kubernetes/pki';
const spkiOf = (key: string) => createHash('sha256').update(key).digest('hex');
/** As Kubernetes names a key: base64url of the SHA-256 of its SPKI (k/k pkg/serviceaccount/jwt.go keyIDFromPublicKey). */
const kidOf = (key: string) => Buffer.from(spkiOf(key), 'hex').toString('base64url');
const jwt = (key: string) => `${Buffer.from(JSON.stringify({ alg: 'RS256', kid: kidOf(key) })).toString('base64url')}.e30.c2ln`;
const none = { skip: [] };

let world: PaperWorld;
let api: PaperKube;
let told: string[];
beforeAll(async () => {
  world = await createPaperWorld();
});
beforeEach(() => {
  api = createPaperKube();
  told = [];
});
afterAll(() => world.close());

/** `signs`: the key of tokens. The CA's is "ca". */
function inventoryWith(signs: string, flags: Readonly<Record<string, string>> = {}): Inventory {
  const files = [
    { path: `${pki}/sa.pub`, keySpki: spkiOf(signs), certificates: [] },
    { path: `${pki}/ca.crt`, certificates: [{ spki: spkiOf('ca'), subject: 'CN=ca', issuer: 'CN=ca', ski: '', aki: '' }] },
  ];
  const components = [{ name: 'kube-controller-manager', version: '', flags }];
  return { ...world.site().inventory, nodes: [{ ...world.site().inventory.nodes[0], files, components } as unknown as NodeRecord] };
}

const site = (signs = 'ca', more: { deadlineMs?: number } = {}): Site => ({
  ...world.site({ target: 'cluster', told: (message) => void told.push(message), ...more }),
  inventory: inventoryWith(signs),
  access: api.access,
});
const put = (name: string, token: string | undefined, more: Partial<KubeObject> = {}, metadata: Partial<KubeObject['metadata']> = {}) =>
  api.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'apps', ...metadata },
    type: 'kubernetes.io/service-account-token',
    data: { ...(token === undefined ? {} : { token: Buffer.from(token).toString('base64') }), namespace: 'YXBwcw==' },
    ...more,
  });
const token = (name: string) => {
  const data = api.read('Secret', name, 'apps')?.data as { token?: string } | undefined;
  return data?.token === undefined ? 'none' : Buffer.from(data.token, 'base64').toString();
};
/** All Secrets without what each write changes. */
const plain = ({ snapshot }: PaperKube) =>
  Object.values(snapshot()).map((text) => {
    const { metadata, ...rest } = JSON.parse(text) as KubeObject;
    return { ...rest, metadata: { ...metadata, uid: '' } };
  });
/** kube-controller-manager: writes what is missing. */
const refill = (key: string) =>
  api.onWrite((object) => {
    if (object.kind === 'Secret' && (object.data as { token?: string }).token === undefined) queueMicrotask(() => put(object.metadata.name, jwt(key)));
  });

describe('clear-service-account-tokens', () => {
  it.each([
    ['a key of their own', 'sa', 'service-account tokens are signed by a key of their own'],
    ['the CA key', 'ca', undefined],
  ])('tokens signed by %s', (_, signs, reason) => {
    const unneeded = clearServiceAccountTokens.unneeded?.(none, inventoryWith(signs));
    if (reason === undefined) expect(unneeded).toBeUndefined();
    else expect(unneeded).toContain(reason);
  });

  it('clears what the replaced key signed, leaves all else, and puts it back', async () => {
    const at = site();
    put('before', jwt('ca'));
    put('after', jwt('incoming'));
    put('no-jwt', 'somebody keeps a password here');
    put('left-out', jwt('ca'));
    const skip = { skip: ['apps/left-out'] };
    const before = plain(api);
    const checkpoint = await clearServiceAccountTokens.checkpoint(at, skip);
    expect(await clearServiceAccountTokens.inspect(at, skip)).toBe('partial');
    await clearServiceAccountTokens.apply(at, skip);
    expect(['before', 'after', 'no-jwt', 'left-out'].map(token)).toEqual(['none', jwt('incoming'), 'somebody keeps a password here', jwt('ca')]);
    expect(await clearServiceAccountTokens.inspect(at, skip)).toBe('present');
    expect(told).toEqual([
      'left alone, for what they hold is no JWT: apps/no-jwt',
      'left out by name: apps/left-out',
      '1 tokens are cleared and refused from then on; kube-controller-manager makes them again, about 10 a second (two calls each, --kube-api-qps 20): about 0 s',
      'cleared 1 of 1 tokens',
    ]);
    put('before', jwt('incoming'));
    expect(await clearServiceAccountTokens.verify(at, skip)).toEqual([]);
    for (let n = 0; n < 2; n++) await clearServiceAccountTokens.undo(at, skip, checkpoint);
    expect(plain(api)).toEqual(before);
  });

  it('is absent where nothing is cleared yet', async () => {
    put('one', jwt('ca'));
    put('two', jwt('ca'));
    expect(await clearServiceAccountTokens.inspect(site(), none)).toBe('absent');
  });

  it('touches nothing where the key stays', async () => {
    const at = site('sa');
    put('one', jwt('sa'));
    await clearServiceAccountTokens.apply(at, none);
    expect(token('one')).toBe(jwt('sa'));
    expect([await clearServiceAccountTokens.inspect(at, none), await clearServiceAccountTokens.verify(at, none)]).toEqual(['present', []]);
  });

  it('clears hundreds, many at once but not all, and tells how far it is', async () => {
    for (let n = 0; n < 120; n++) put(`t${n}`, jwt('ca'));
    const at = site();
    const { kube } = api;
    let [now, most] = [0, 0];
    const slow = {
      ...kube,
      jsonPatch: async (...args: Parameters<typeof kube.jsonPatch>) => {
        most = Math.max(most, ++now);
        await new Promise(setImmediate);
        now--;
        return kube.jsonPatch(...args);
      },
    };
    await clearServiceAccountTokens.apply({ ...at, access: { ...at.access, kube: () => slow } }, none);
    expect(most).toBe(32);
    expect(Array.from({ length: 120 }, (_, n) => token(`t${n}`)).filter((one) => one !== 'none')).toEqual([]);
    expect(told.slice(1)).toEqual(['cleared 50 of 120 tokens', 'cleared 100 of 120 tokens', 'cleared 120 of 120 tokens']);
  });

  it.each<[string, () => void, string]>([
    ['is labelled', () => put('x', jwt('ca'), {}, { labels: { a: 'b' } }), 'none'],
    ['is signed anew', () => put('x', jwt('incoming')), jwt('incoming')],
    ['is cleared', () => put('x', undefined), 'none'],
    ['is deleted', () => void api.kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'apps', name: 'x' }), 'none'],
  ])('a Secret that %s in between is read again and judged anew', async (_, meanwhile, then) => {
    put('x', jwt('ca'));
    api.beforeReplace(meanwhile);
    await clearServiceAccountTokens.apply(site(), none);
    expect(token('x')).toBe(then);
  });

  it('gives up at the deadline where somebody writes before each attempt', async () => {
    put('x', jwt('ca'));
    const again = (): void => {
      put('x', jwt('ca'));
      api.beforeReplace(again);
    };
    api.beforeReplace(again);
    const error = await clearServiceAccountTokens.apply(site('ca', { deadlineMs: 20 }), none).catch((thrown: unknown) => thrown);
    expect(failuresOf(error)).toMatchObject([{ code: 'deadline-exceeded', target: 'apps/x', retryable: true }]);
  });

  it('begins nothing more after a failure, and throws it', async () => {
    for (let n = 0; n < 100; n++) put(`t${n}`, jwt('ca'));
    const at = site();
    let calls = 0;
    const jsonPatch = async (): Promise<never> => {
      calls++;
      throw new Error('broken');
    };
    await expect(clearServiceAccountTokens.apply({ ...at, access: { ...at.access, kube: () => ({ ...api.kube, jsonPatch }) } }, none)).rejects.toThrow('broken');
    expect(calls).toBeLessThanOrEqual(32);
  });

  it.each<[string, Partial<KubeObject>, Partial<KubeObject['metadata']>, readonly string[]]>([
    ['immutable', { immutable: true }, {}, ['token-fixed']],
    ['of a controller', {}, { ownerReferences: [{ kind: 'ExternalSecret', name: 'e', uid: 'u', controller: true }] }, ['token-fixed']],
    ['owned, but not controlled', {}, { ownerReferences: [{ kind: 'ConfigMap', name: 'c', uid: 'u' }] }, []],
  ])('preflight names a Secret that is %s, unless it is left out', async (_, more, metadata, codes) => {
    put('x', jwt('ca'), more, metadata);
    put('after', jwt('incoming'), { immutable: true });
    const at = site();
    const found = await clearServiceAccountTokens.preflight(at, none);
    expect(found.map(({ code, target }) => [code, target])).toEqual(codes.map((code) => [code, 'apps/x']));
    for (const { nextAction } of found) expect(nextAction).toContain('skip: ["apps/x"]');
    expect(await clearServiceAccountTokens.preflight(at, { skip: ['apps/x'] })).toEqual([]);
  });

  it('clears none where one has become immutable', async () => {
    put('fixed', jwt('ca'), { immutable: true });
    put('other', jwt('ca'));
    const error = await clearServiceAccountTokens.apply(site(), none).catch((thrown: unknown) => thrown);
    expect(failuresOf(error)).toMatchObject([{ code: 'token-fixed', target: 'apps/fixed' }]);
    expect(token('other')).toBe(jwt('ca'));
  });

  it.each([
    ['the outgoing key', 'ca', '1 have one of the outgoing key: apps/x'],
    ['no token yet', undefined, '1 have no token yet: apps/x'],
  ])('verify does not hold with %s', async (_, key, cause) => {
    put('x', key === undefined ? undefined : jwt(key));
    const at = { ...site(), deadlineAtMs: Date.now() };
    expect(await clearServiceAccountTokens.verify(at, none)).toMatchObject([{ code: 'api-refused', cause }]);
  });

  it('has the tokens made again', async () => {
    refill('incoming');
    for (let n = 0; n < 5; n++) put(`t${n}`, jwt('ca'));
    const at = site();
    await clearServiceAccountTokens.apply(at, none);
    expect(await clearServiceAccountTokens.verify(at, none)).toEqual([]);
    expect(token('t4')).toBe(jwt('incoming'));
  });

  it('does not bring back a Secret that was deleted in the meantime, and says so', async () => {
    const at = site();
    put('gone', jwt('ca'));
    const checkpoint = await clearServiceAccountTokens.checkpoint(at, none);
    await api.kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'apps', name: 'gone' });
    await clearServiceAccountTokens.undo(at, none, checkpoint);
    expect(api.read('Secret', 'gone', 'apps')).toBeUndefined();
    expect(told).toContain('deleted meanwhile, and not made again: apps/gone');
  });

  it.each([{ skip: ['no-namespace'] }, { skip: ['a/b/c'] }, { skip: 'a/b' }, { leave: [] }])('refuses the parameters %o', (given) => {
    expect(clearServiceAccountTokens.params.safeParse(given).success).toBe(false);
  });
});

describe('the pace at which tokens are made again', () => {
  it.each([
    ['300 by default', {}, 300, { callsPerSecond: 20, tokensPerSecond: 10, seconds: 29 }],
    ['few, within the burst', {}, 15, { callsPerSecond: 20, tokensPerSecond: 10, seconds: 0 }],
    ['other flags', { 'kube-api-qps': '100', 'kube-api-burst': '200' }, 300, { callsPerSecond: 100, tokensPerSecond: 50, seconds: 4 }],
    ['no number', { 'kube-api-qps': '-1' }, 300, { callsPerSecond: 20, tokensPerSecond: 10, seconds: 29 }],
  ])('%s', (_, flags, tokens, pace) => {
    expect(paceOf(inventoryWith('ca', flags), tokens)).toEqual(pace);
  });
});
