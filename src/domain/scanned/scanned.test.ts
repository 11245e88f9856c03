import { describe, expect, it } from 'vitest';
import type { CertificateRecord, ComponentRecord, FileRecord, Inventory, ObjectRecord, PodHolder } from '../cluster/inventory.js';
import { authoritiesOf } from './authorities.js';
import { holdersOf } from './holders.js';
import { loadedOf } from './loaded.js';

const certificate = (fingerprint: string, rest: Partial<CertificateRecord> = {}): CertificateRecord => ({
  fingerprint,
  spki: fingerprint,
  subject: `CN=${fingerprint}`,
  issuer: 'CN=x',
  serial: '1',
  ski: '',
  aki: '',
  notBeforeMs: 0,
  notAfterMs: 1,
  isCa: false,
  keyType: 'ecdsa-p256',
  sans: [],
  usages: [],
  ...rest,
});
const ca = (name: string, notBeforeMs = 0, subject = name): CertificateRecord => certificate(name, { isCa: true, notBeforeMs, subject: `CN=${subject}` });
const file = (path: string, certificates: CertificateRecord[], modifiedAtMs = 0): FileRecord => ({
  path,
  kind: 'bundle',
  sha256: '',
  mode: '0644',
  uid: 0,
  gid: 0,
  certificates,
  modifiedAtMs,
});
const component = (name: ComponentRecord['name'], flags: Record<string, string>, rest: Partial<ComponentRecord> = {}): ComponentRecord => ({ name, version: '', flags, ...rest });
const object = (name: string, certificates: CertificateRecord[], namespace = 'app'): ObjectRecord => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  namespace,
  name,
  field: '/data/ca',
  encoding: 'pem',
  certificates,
  writer: 'none',
});
const pod = (name: string, rest: Partial<PodHolder>): PodHolder => ({
  namespace: 'app',
  name,
  node: 'w1',
  serviceAccount: '',
  owner: 'Deployment/web',
  startedAtMs: 5,
  images: [],
  mounts: ['ConfigMap roots'],
  token: 'bound',
  ...rest,
});
const inventoryOf = (parts: { files?: FileRecord[]; components?: ComponentRecord[]; objects?: ObjectRecord[]; pods?: PodHolder[] }): Inventory =>
  ({ nodes: [{ name: 'cp1', files: parts.files ?? [], components: parts.components ?? [] }], objects: parts.objects ?? [], pods: parts.pods ?? [] }) as unknown as Inventory;

describe('CAs', () => {
  it('have roles by flags, generations within a role, and places', () => {
    const [outgoing, incoming, etcd, lone] = [ca('out', 1, 'kubernetes'), ca('in', 2, 'kubernetes'), ca('etcd'), ca('lone')];
    const inventory = inventoryOf({
      files: [file('/ca', [outgoing, incoming]), file('/etcd', [etcd]), file('/leaf', [certificate('leaf', { issuer: 'CN=etcd' }), etcd])],
      components: [component('kube-apiserver', { 'client-ca-file': '/ca', 'etcd-cafile': '/etcd' })],
      objects: [object('roots', [outgoing, lone])],
      pods: [pod('a', {}), pod('b', { namespace: 'other' })],
    });
    const rows = authoritiesOf(inventory).map(({ record, roles, generation, files, objects, pods, issued }) =>
      [record.fingerprint, roles.join('+'), generation, files, objects, pods, issued].join(' '),
    );
    expect(rows).toEqual(['out cluster outgoing 1 1 1 0', 'in cluster incoming 1 0 0 0', 'etcd etcd only 2 0 0 1', 'lone other only 0 1 1 0']);
  });

  it('of no role are generations of each other only by name', () => {
    const names = authoritiesOf(inventoryOf({ files: [file('/a', [ca('a', 1, 'same'), ca('b', 2, 'same'), ca('c', 3)])] })).map(({ record, generation }) => [
      record.fingerprint,
      generation,
    ]);
    expect(names).toEqual([
      ['a', 'outgoing'],
      ['b', 'incoming'],
      ['c', 'only'],
    ]);
  });
});

describe('what is loaded', () => {
  const files = [file('/ca', [ca('ca')], 20), file('/tls', [certificate('leaf')], 5), { ...file('/conf', [], 5), kind: 'kubeconfig' as const, refs: { 'client-key': '/ca' } }];
  it.each<[string, ComponentRecord, readonly string[], readonly string[]]>([
    ['a file that was written after the start', component('kube-apiserver', { 'client-ca-file': '/ca' }, { startedAtMs: 10 }), ['/ca'], []],
    ['not one that was written before', component('kube-apiserver', { 'client-ca-file': '/ca' }, { startedAtMs: 20 }), [], []],
    ['what a kubeconfig names', component('kube-scheduler', { kubeconfig: '/conf' }, { startedAtMs: 10 }), ['/ca'], []],
    ['nothing of a process whose start is not known', component('kube-apiserver', { 'client-ca-file': '/ca' }), [], []],
    ['one of several files of a flag', component('kube-apiserver', { 'tls-sni-cert-key': '/tls,/ca:x', a: '/tls,/ca' }, { startedAtMs: 10 }), ['/ca'], []],
    ['what is presented, by file', component('kube-apiserver', {}, { presents: { 6443: 'leaf', 9: 'other' } }), [], ['9 ', '6443 /tls']],
    ['what is made in memory', component('kube-scheduler', {}, { presents: { 10259: 'own' } }), [], ['10259  own']],
  ])('%s', (_, one, since, presents) => {
    const [row] = loadedOf(inventoryOf({ files, components: [one] }));
    expect(row?.writtenSince.map(({ path }) => path)).toEqual(since);
    expect(row?.presents.map(({ port, files: of, isOwn }) => `${port} ${of.join()}${isOwn ? ' own' : ''}`).toSorted()).toEqual(presents.toSorted());
  });
});

describe('pods with a CA in memory', () => {
  it('are told by workload, with those that were started before the incoming CA began', () => {
    const inventory = inventoryOf({
      objects: [object('roots', [ca('out', 1, 'k'), ca('in', 10, 'k'), certificate('leaf')])],
      pods: [pod('a', {}), pod('b', { startedAtMs: 12 }), pod('c', { owner: '', mounts: [] }), pod('d', { owner: '', token: 'none' })],
    });
    expect(holdersOf(inventory, authoritiesOf(inventory)).map(({ holds, ...row }) => ({ ...row, holds: holds.map(({ fingerprint }) => fingerprint) }))).toEqual([
      { workload: 'app/Deployment/web', pods: 2, oldestMs: 5, mounts: ['ConfigMap roots'], tokens: ['bound'], holds: ['out', 'in'], beforeIncoming: 1 },
      { workload: 'app/Pod/d', pods: 1, oldestMs: 5, mounts: ['ConfigMap roots'], tokens: ['none'], holds: ['out', 'in'], beforeIncoming: 1 },
    ]);
  });
});
