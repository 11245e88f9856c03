import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Inventory } from '../domain/cluster/inventory.js';
import { specOfInventory } from './spec-from-inventory.js';

const recorded = JSON.parse(readFileSync(new URL('../../fixtures/inventories/kubeadm-ha.json', import.meta.url), 'utf8')) as Inventory;
const place = { block: 90, uid: 'uid', nowMs: Date.UTC(2026, 10, 28) };

describe('specOfInventory', () => {
  const spec = specOfInventory(recorded, place);
  const node = (name: string) => spec.nodes.find((one) => one.name === name);

  it('has the same nodes, roles, version and tools', () => {
    expect(spec.nodes.map(({ name, roles, tools: { etcdctl: _, ...tools } }) => ({ name, roles, tools }))).toEqual(
      recorded.nodes.map(({ name, roles, tools }) => ({ name, roles, tools })),
    );
    expect(spec.version).toBe(recorded.cluster.version);
    expect(spec.name).toBe('lab');
  });

  it('keeps flags that are not kubeadm’s, and none that only differ in an address', () => {
    expect(node('cp1')?.flags['kube-apiserver']).toEqual({
      'audit-policy-file': '/etc/kubernetes/audit/policy.yaml',
      'audit-log-path': '/var/log/kubernetes/audit.log',
      'audit-log-maxsize': '100',
      'audit-log-maxbackup': '4',
    });
    expect(node('cp2')?.flags.etcd).toEqual({});
    expect(node('w1')?.flags.kubelet).toEqual({});
    expect(node('cp1')?.flags['kube-controller-manager']).toEqual({ 'cluster-cidr': '10.88.0.0/16' });
  });

  it('keeps key types, names, SANs and times of leaves, with addresses of here', () => {
    const apiserver = node('cp1')?.leaves.find(({ path }) => path.endsWith('/apiserver.crt'));
    const [before] = recorded.nodes[0]?.files.find(({ path }) => path.endsWith('/apiserver.crt'))?.certificates ?? [];
    expect(apiserver).toMatchObject({ commonName: 'kube-apiserver', keyType: before?.keyType, notBeforeMs: before?.notBeforeMs, notAfterMs: before?.notAfterMs });
    expect(apiserver?.sans).toEqual(expect.arrayContaining(['DNS:lb.lab', 'IP:127.90.0.11', 'IP:127.90.0.1', 'IP:10.96.0.1']));
    expect(apiserver?.sans?.join()).not.toContain('10.77.');
    expect(node('cp1')?.leaves.find(({ path }) => path === '/etc/kubernetes/admin.conf')?.organizations).toEqual(['kubeadm:cluster-admins']);
    expect(node('w2')?.leaves.find(({ path }) => path.endsWith('kubelet-client-current.pem'))?.keyType).toBe('ecdsa-p256');
  });

  it('says what is not alike, and nothing that is', () => {
    expect(spec.notReproduced.map((line) => line.split(':')[0])).toEqual(['addresses', 'SSH', 'workloads']);
  });

  it('of a scan without the API each node has a place of its own', () => {
    const alone = { ...recorded, cluster: { ...recorded.cluster, version: '' }, nodes: recorded.nodes.map((one) => ({ ...one, internalIp: '', kubeletVersion: '' })) };
    const made = specOfInventory(alone, place);
    expect(new Set(made.nodes.map(({ address }) => address)).size).toBe(recorded.nodes.length);
    expect([made.version, ...made.nodes.map(({ kubeletVersion }) => kubeletVersion)]).toEqual([recorded.cluster.version, ...recorded.nodes.map(() => undefined)]);
  });

  it('holds nothing of the keys of the cluster', () => {
    const digests = recorded.nodes.flatMap(({ files }) =>
      files.flatMap(({ certificates, keySpki }) => [...certificates.flatMap(({ fingerprint, spki }) => [fingerprint, spki]), ...(keySpki === undefined ? [] : [keySpki])]),
    );
    expect(digests.filter((digest) => JSON.stringify(spec).includes(digest))).toEqual([]);
  });

  it.each<[what: string, change: (inventory: Inventory) => Inventory, line: RegExp]>([
    ['an API that did not answer', (i) => ({ ...i, cluster: { ...i.cluster, version: '' } }), /did not say its version .* here it is v1\.34/],
    ['what was not seen', (i) => ({ ...i, unseen: ['w1', 'w1', 'a', 'b', 'c'].map((one) => ({ place: one, why: 'no' })) }), /could not look at w1, a, b, and 1 more/],
    ['external etcd', (i) => ({ ...i, nodes: i.nodes.map((n) => ({ ...n, components: n.components.filter((c) => c.name !== 'etcd') })) }), /etcd is elsewhere/],
    [
      'a file without a place',
      (i) => ({ ...i, nodes: i.nodes.map((n) => ({ ...n, files: [...n.files, { ...(n.files[0] as (typeof n.files)[number]), path: '/etc/cni/net.d/calico-kubeconfig' }] })) }),
      /calico-kubeconfig is left out/,
    ],
    ['a CA with more than a CN', (i) => JSON.parse(JSON.stringify(i).replaceAll('"CN=kubernetes"', '"O=Example, CN=kubernetes"')) as Inventory, /only the CN is kept/],
    [
      'a flag that kubeadm gives and that is not there',
      (i) => JSON.parse(JSON.stringify(i).replaceAll('"requestheader-allowed-names":"front-proxy-client",', '')) as Inventory,
      /has no --requestheader-allowed-names/,
    ],
  ])('%s is said', (_what, change, line) => {
    expect(specOfInventory(change(recorded), place).notReproduced).toContainEqual(expect.stringMatching(line));
  });
});
