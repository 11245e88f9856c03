import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import type { Inventory, NodeRecord } from '../../domain/cluster/inventory.js';
import type { Site } from '../../ports/step-kind.js';
import { clearServiceAccountTokens, tokenKeyIsReplaced } from './kind.js';

const pki = '/etc/kubernetes/pki';
const spkiOf = (key: string) => createHash('sha256').update(key).digest('hex');
/** As Kubernetes names a key: base64url of the SHA-256 of its SPKI (k/k pkg/serviceaccount/jwt.go keyIDFromPublicKey). */
const kidOf = (key: string) => Buffer.from(spkiOf(key), 'hex').toString('base64url');
const jwt = (key: string) => `${Buffer.from(JSON.stringify({ alg: 'RS256', kid: kidOf(key) })).toString('base64url')}.e30.c2ln`;

let world: PaperWorld;
beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

type Keys = Readonly<Partial<Record<'sa.pub' | 'sa.key' | 'ca.crt' | 'apiserver.crt', string>>>;

function inventoryWith(keys: Keys): Inventory {
  const files = Object.entries(keys).map(([name, key]) => ({
    path: `${pki}/${name}`,
    ...(name.startsWith('sa.') ? { keySpki: spkiOf(key), certificates: [] } : { certificates: [{ spki: spkiOf(key) }] }),
  }));
  return { ...world.site().inventory, nodes: [{ ...world.site().inventory.nodes[0], files } as unknown as NodeRecord] };
}

const site = (keys: Keys): Site => ({ ...world.site({ target: 'cluster' }), inventory: inventoryWith(keys) });
const put = (name: string, token: string) =>
  world.api.put({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'apps' },
    type: 'kubernetes.io/service-account-token',
    data: { token: Buffer.from(token).toString('base64'), namespace: 'YXBwcw==' },
  });
const token = (name: string) => {
  const data = world.api.read('Secret', name, 'apps')?.data as { token: string } | undefined;
  return Buffer.from(data?.token ?? 'there is none', 'base64').toString();
};

describe('clear-service-account-tokens', () => {
  it.each<[string, boolean, Keys]>([
    ['a key of their own', false, { 'sa.pub': 'sa', 'sa.key': 'sa', 'ca.crt': 'ca', 'apiserver.crt': 'api' }],
    ['the CA key', true, { 'sa.pub': 'ca', 'ca.crt': 'ca', 'apiserver.crt': 'api' }],
    ['the key of the API server', true, { 'sa.pub': 'api', 'ca.crt': 'ca', 'apiserver.crt': 'api' }],
    ['the CA key, of which only the private half is there', true, { 'sa.key': 'ca', 'ca.crt': 'ca' }],
    ['a key that is not there', false, { 'ca.crt': 'ca' }],
  ])('tokens signed by %s', (_, replaced, keys) => {
    expect(tokenKeyIsReplaced(inventoryWith(keys))).toBe(replaced);
    expect(clearServiceAccountTokens.unneeded?.({}, inventoryWith(keys)) === undefined).toBe(replaced);
  });

  it('clears what the replaced key signed, leaves all else, and puts it back', async () => {
    const at = site({ 'sa.pub': 'ca', 'ca.crt': 'ca' });
    put('before', jwt('ca'));
    put('after', jwt('incoming'));
    put('no-jwt', 'somebody keeps a password here');
    const before = world.api.snapshot();
    const checkpoint = await clearServiceAccountTokens.checkpoint(at, {});
    expect(await clearServiceAccountTokens.inspect(at, {})).toBe('partial');
    await clearServiceAccountTokens.apply(at, {});
    expect([token('before'), token('after'), token('no-jwt')]).toEqual(['', jwt('incoming'), 'somebody keeps a password here']);
    expect(await clearServiceAccountTokens.inspect(at, {})).toBe('present');
    // The token controller signs it anew.
    put('before', jwt('incoming'));
    expect(await clearServiceAccountTokens.verify(at, {})).toEqual([]);
    for (let n = 0; n < 2; n++) await clearServiceAccountTokens.undo(at, {}, checkpoint);
    const uidless = (all: Record<string, string>) => Object.values(all).map((text) => text.replace(/"uid":"[^"]*"/, ''));
    expect(uidless(world.api.snapshot())).toEqual(uidless(before));
  });

  it('does not bring back a Secret that was deleted in the meantime', async () => {
    const at = site({ 'sa.pub': 'ca', 'ca.crt': 'ca' });
    put('gone', jwt('ca'));
    const checkpoint = await clearServiceAccountTokens.checkpoint(at, {});
    await world.api.kube.remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'apps', name: 'gone' });
    await clearServiceAccountTokens.undo(at, {}, checkpoint);
    expect(world.api.read('Secret', 'gone', 'apps')).toBeUndefined();
  });
});
