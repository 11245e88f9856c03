import { describe, expect, it } from 'vitest';
import type { CertificateRecord, FileRecord, Inventory, NodeRecord } from './inventory.js';
import { type Material, materialOf, subjectOf } from './material.js';

const ca: CertificateRecord = record({ subject: 'CN=ca', issuer: 'CN=ca', spki: 'ca', ski: '01', isCa: true });
const leafOf = (commonName: string, spki: string, more: Partial<CertificateRecord> = {}): CertificateRecord =>
  record({ subject: `O=a, CN=${commonName}`, issuer: 'CN=ca', aki: '01', spki, ...more });

function record(one: Partial<CertificateRecord>): CertificateRecord {
  const { subject = '', spki = '' } = one;
  return {
    fingerprint: `${subject}/${spki}/${(one.sans ?? []).join()}`,
    spki,
    subject,
    issuer: '',
    serial: '',
    ski: '',
    aki: '',
    notBeforeMs: 0,
    notAfterMs: 0,
    isCa: false,
    keyType: 'rsa-2048',
    sans: [],
    usages: [],
    ...one,
  };
}

function file(path: string, one: Partial<FileRecord>): FileRecord {
  return { path, kind: 'leaf', sha256: '', mode: '0600', uid: 0, gid: 0, certificates: [], ...one };
}

const caFile = file('/pki/ca.pem', { kind: 'bundle', certificates: [ca] });
const apiFlags = { 'client-ca-file': '/pki/ca.pem', 'tls-cert-file': '/pki/api.pem', 'tls-private-key-file': '/pki/api-key.pem' };

function node(name: string, files: readonly FileRecord[], flags: Record<string, string> | null = apiFlags): NodeRecord {
  return { name, roles: ['control-plane'], files, components: flags === null ? [] : [{ name: 'kube-apiserver', version: '', flags }] } as unknown as NodeRecord;
}
const cluster = (...nodes: NodeRecord[]): Inventory => ({ nodes }) as unknown as Inventory;
const found = (inventory: Inventory): Material => {
  const material = materialOf(inventory);
  if (!('ca' in material)) throw new Error(material.map(({ summary }) => summary).join());
  return material;
};
const api = file('/pki/api.pem', { certificates: [leafOf('kube-apiserver', 'k')] });
const kubeconfig = (one: Partial<FileRecord>): FileRecord => file('/etc/x.kubeconfig', { kind: 'kubeconfig', ...one });

describe('the pairs of a CA', () => {
  it.each<[string, FileRecord[], unknown[]]>([
    ['named beside each other by flags', [api], [{ node: 'm', certificate: '/pki/api.pem', key: '/pki/api-key.pem', withCa: false }]],
    [
      'with the CA behind the leaf',
      [file('/pki/api.pem', { certificates: [leafOf('kube-apiserver', 'k'), ca] })],
      [{ node: 'm', certificate: '/pki/api.pem', key: '/pki/api-key.pem', withCa: true }],
    ],
    [
      'named by a kubeconfig',
      [file('/pki/b.pem', { certificates: [leafOf('b', 'k')] }), kubeconfig({ refs: { 'client-certificate': '/pki/b.pem', 'client-key': '/pki/b-key.pem' } })],
      [{ node: 'm', certificate: '/pki/b.pem', key: '/pki/b-key.pem', withCa: false }],
    ],
    [
      'found by the public half of the key',
      [file('/pki/b.pem', { certificates: [leafOf('b', 'k')] }), file('/pki/other.key', { kind: 'key', keySpki: 'k' })],
      [{ node: 'm', certificate: '/pki/b.pem', key: '/pki/other.key', withCa: false }],
    ],
    ['both in one file', [file('/pki/b.pem', { certificates: [leafOf('b', 'k')], keySpki: 'k' })], [{ node: 'm', certificate: '/pki/b.pem', key: '/pki/b.pem', withCa: false }]],
    ['inside a kubeconfig', [kubeconfig({ client: leafOf('b', 'k') })], [{ node: 'm', kubeconfig: '/etc/x.kubeconfig' }]],
    ['of another CA: none', [file('/pki/b.pem', { certificates: [leafOf('b', 'k', { issuer: 'CN=other' })] })], []],
    ['of a CA of the same name with another key: none', [file('/pki/b.pem', { certificates: [leafOf('b', 'k', { aki: '02' })] })], []],
  ])('%s', (_what, files, places) => {
    expect(found(cluster(node('m', [caFile, ...files]))).identities.flatMap((identity) => identity.places)).toEqual(places);
  });

  it('of one key on several nodes are one identity, with all its names', () => {
    const more = file('/pki/api.pem', { certificates: [leafOf('kube-apiserver', 'k', { sans: ['DNS:a', 'DNS:b'] })] });
    const { identities } = found(cluster(node('m1', [caFile, api]), node('m2', [caFile, more])));
    expect(identities).toMatchObject([{ name: 'kube-apiserver', commonName: 'kube-apiserver', organizations: ['a'], leaf: { sans: ['DNS:a', 'DNS:b'] } }]);
    expect(identities[0]?.places.map((place) => place.node)).toEqual(['m1', 'm2']);
  });

  it('of one name and several keys are several, each with a name of its own', () => {
    const { identities } = found(cluster(node('m1', [caFile, api]), node('m2', [caFile, file('/pki/api.pem', { certificates: [leafOf('kube-apiserver', 'l')] })])));
    expect(identities.map(({ name }) => name)).toEqual(['kube-apiserver', 'kube-apiserver-2']);
  });
});

it('the CA is found wherever it is trusted', () => {
  const files = [caFile, file('/etc/etcd/ca.pem', { kind: 'bundle', certificates: [ca] }), kubeconfig({ certificates: [ca] })];
  expect(found(cluster(node('m', files))).trust).toEqual([
    { node: 'm', path: '/pki/ca.pem', form: 'pem' },
    { node: 'm', path: '/etc/etcd/ca.pem', form: 'pem' },
    { node: 'm', path: '/etc/x.kubeconfig', form: 'kubeconfig' },
  ]);
});

describe('refused is', () => {
  const other = record({ subject: 'CN=ca2', spki: 'ca2', isCa: true });
  it.each<[string, Inventory, string, string]>([
    ['a cluster without API servers', cluster(node('m', [caFile], null)), 'layout-unsupported', 'no kube-apiserver was found on any host'],
    ['an API server without a client CA', cluster(node('m', [caFile], {})), 'layout-unsupported', 'kube-apiserver has no --client-ca-file'],
    [
      'two CAs in one file',
      cluster(node('m', [file('/pki/ca.pem', { kind: 'bundle', certificates: [ca, other] })])),
      'ca-unexpected',
      '/pki/ca.pem holds 2 certificates instead of one',
    ],
    [
      'a CA on each master',
      cluster(node('m1', [caFile]), node('m2', [file('/pki/ca.pem', { kind: 'bundle', certificates: [other] })])),
      'ca-unexpected',
      'the API servers trust different CAs',
    ],
    ['a pair without its key', cluster(node('m', [caFile, file('/pki/b.pem', { certificates: [leafOf('b', 'k')] })])), 'layout-unsupported', 'the key of /pki/b.pem was not found'],
    ['a link', cluster(node('m', [caFile, file('/pki/api.pem', { certificates: [leafOf('b', 'k')], linkTo: '/x' })])), 'layout-unsupported', '/pki/api.pem is a link to /x'],
  ])('%s', (_what, inventory, code, summary) => {
    expect(materialOf(inventory)).toMatchObject([{ code, summary }]);
  });
});

it.each([
  ['O=system:nodes, CN=system:node:w1', 'system:node:w1', ['system:nodes']],
  ['CN=a', 'a', []],
  ['O=b\\, Ltd+O=c, CN=d', 'd', ['b, Ltd', 'c']],
  ['', '', []],
])('the subject %j', (subject, commonName, organizations) => {
  expect(subjectOf(subject)).toEqual({ commonName, organizations });
});
