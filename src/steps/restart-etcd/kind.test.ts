import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import type { Inventory, NodeRecord } from '../../domain/cluster/inventory.js';
import type { Site } from '../../ports/step-kind.js';
import { etcdSharesTheCa, restartEtcd } from './kind.js';

const pki = '/etc/kubernetes/pki';
const manifest = '/etc/kubernetes/manifests/etcd.yaml';
let world: PaperWorld;
beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

/** A control plane with the keys (SPKI) in these files, and the file that etcd trusts. */
function inventoryWith(files: Readonly<Record<string, readonly string[]>>, trusted?: string): Inventory {
  const node = {
    ...world.site().inventory.nodes[0],
    files: Object.entries(files).map(([path, keys]) => ({ path, certificates: keys.map((spki) => ({ spki })) })),
    components: trusted === undefined ? [] : [{ name: 'etcd', flags: { 'trusted-ca-file': trusted } }],
  } as unknown as NodeRecord;
  return { ...world.site().inventory, nodes: [node] };
}

describe('restart-etcd', () => {
  it.each<[string, boolean, Record<string, string[]>, string?]>([
    ['a CA of its own', false, { [`${pki}/ca.crt`]: ['a'], [`${pki}/etcd/ca.crt`]: ['b'] }],
    ['the cluster CA', true, { [`${pki}/ca.crt`]: ['a'], [`${pki}/etcd/ca.crt`]: ['a'] }],
    ['the cluster CA, reissued over the same key, among others', true, { [`${pki}/ca.crt`]: ['a'], [`${pki}/etcd/ca.crt`]: ['b', 'a'] }],
    ['ca.crt itself', true, { [`${pki}/ca.crt`]: ['a'], [`${pki}/etcd/ca.crt`]: ['b'] }, `${pki}/ca.crt`],
    ['a file elsewhere with another key', false, { [`${pki}/ca.crt`]: ['a'], [`${pki}/etcd/ca.crt`]: ['a'], '/etc/etcd/ca.pem': ['c'] }, '/etc/etcd/ca.pem'],
    ['nothing that is known: external etcd', false, { [`${pki}/ca.crt`]: ['a'] }],
  ])('etcd that trusts %s', (_, shares, files, trusted) => {
    const inventory = inventoryWith(files, trusted);
    expect(etcdSharesTheCa(inventory)).toBe(shares);
    expect(restartEtcd.unneeded?.({}, inventory) === undefined).toBe(shares);
  });

  it('takes one member after the other', async () => {
    expect(await restartEtcd.waves?.(['cp1', 'cp2', 'cp3'], world.site(), {})).toEqual([['cp1'], ['cp2'], ['cp3']]);
  });

  it.each([
    [200, undefined],
    [500, 'quorum-at-risk'],
  ])('with another member that answers %i', async (status, code) => {
    world.node.put(manifest, 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\nspec:\n  containers:\n  - command:\n    - etcd\n    name: etcd\n');
    world.api.onGet((path) => ({ status: path === '/readyz/etcd' ? status : 200, body: '' }));
    const at = world.site();
    const site: Site = { ...at, inventory: { ...at.inventory, nodes: at.inventory.nodes.flatMap((n) => [n, { ...n, name: 'cp2' }]) } };
    const before = world.node.text(manifest);
    expect((await restartEtcd.preflight(site, {})).map((f) => f.code)).toEqual(code === undefined ? [] : [code]);
    if (code === undefined) {
      await restartEtcd.apply(site, {});
      expect(world.node.text(manifest)).toContain('rotate-ca/generation: "r1-1"');
    } else {
      await expect(restartEtcd.apply(site, {})).rejects.toMatchObject({ code });
      expect(world.node.text(manifest)).toBe(before);
    }
  });
});
