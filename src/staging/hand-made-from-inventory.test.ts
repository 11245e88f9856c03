import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Inventory } from '../domain/cluster/inventory.js';
import { specOfInventory } from './spec-from-inventory.js';

const recorded = JSON.parse(readFileSync(new URL('../../fixtures/inventories/kubeadm-ha.json', import.meta.url), 'utf8')) as Inventory;
const unit = { name: 'x.service', file: '/etc/systemd/system/x.service', dropIns: [], environmentFiles: [], user: '', isStale: false };
/** As if its API servers were units. */
const handMade: Inventory = {
  ...recorded,
  nodes: recorded.nodes.map((node) => ({ ...node, components: node.components.map((one) => (one.name === 'kube-apiserver' ? { ...one, unit } : one)) })),
};

describe('an inventory whose API servers are units', () => {
  const spec = specOfInventory(handMade, { block: 90, uid: 'uid', nowMs: Date.UTC(2026, 10, 28) });

  it('becomes a hard-way cluster with its nodes, token Secrets and version', () => {
    expect(spec.layout).toBe('hard-way');
    expect(spec.nodes.map(({ name, roles }) => ({ name, roles }))).toEqual(recorded.nodes.map(({ name, roles }) => ({ name, roles })));
    expect(spec.nodes.filter(({ tools }) => tools.etcdctl).map(({ name }) => name)).toEqual(['cp1', 'cp2', 'cp3']);
    expect(spec.version).toBe(recorded.cluster.version);
    expect(spec.name).toBe('lab');
    expect(spec.tokenSecretNames?.length).toBeGreaterThan(0);
  });

  it('keeps what carries the CA that the API servers ask clients for', () => {
    const own = recorded.nodes[0]?.files.find(({ path }) => path === '/etc/kubernetes/pki/ca.crt')?.certificates[0]?.fingerprint;
    const carriers = recorded.objects.filter(({ writer, certificates }) => writer === 'none' && certificates.some(({ fingerprint }) => fingerprint === own));
    expect(spec.caCopies?.map(({ name, ca }) => [name, ca])).toEqual(carriers.map(({ name }) => [name, 'cluster']));
  });

  it('says what is not as there', () => {
    expect(spec.notReproduced.join('\n')).toMatch(/units, flags, paths/);
  });
});
