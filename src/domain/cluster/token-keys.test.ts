import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CertificateRecord, ComponentRecord, FileRecord, Inventory, NodeRecord } from './inventory.js';
import { keyIdIn, keyIdOf, replacedTokenKeys, tokenKeysOf } from './token-keys.js';

const pki = '/etc/kubernetes/pki';
type Given = Readonly<Record<string, { readonly key?: string; readonly certificates?: readonly Partial<CertificateRecord>[]; readonly client?: Partial<CertificateRecord> }>>;
type Flags = Readonly<Partial<Record<ComponentRecord['name'], Readonly<Record<string, string>>>>>;

function node(files: Given, flags: Flags = {}, role: 'control-plane' | 'worker' = 'control-plane'): NodeRecord {
  const common = { subject: '', issuer: '', ski: '', aki: '' };
  return {
    roles: [role],
    files: Object.entries(files).map(
      ([path, { key, certificates = [], client }]) =>
        ({
          path,
          ...(key === undefined ? {} : { keySpki: key }),
          certificates: certificates.map((one) => ({ ...common, ...one })),
          ...(client === undefined ? {} : { client: { ...common, ...client } }),
        }) as unknown as FileRecord,
    ),
    components: Object.entries(flags).map(([name, of]) => ({ name, version: '', flags: of })),
  } as unknown as NodeRecord;
}
const cluster = (...nodes: NodeRecord[]): Inventory => ({ nodes }) as unknown as Inventory;

const ca = { subject: 'CN=ca', issuer: 'CN=ca', spki: 'ca', ski: '01', aki: '01', isCa: true };
const leaf = { subject: 'CN=kube-apiserver', issuer: 'CN=ca', spki: 'api', aki: '01' };
const hardWay: Flags = {
  'kube-apiserver': {
    'client-ca-file': '/pki/ca.pem',
    'tls-cert-file': '/pki/apiserver.pem',
    'tls-private-key-file': '/pki/apiserver-key.pem',
    'service-account-key-file': '/pki/apiserver-key.pem',
    'service-account-signing-key-file': '/pki/apiserver-key.pem',
  },
  'kube-controller-manager': { 'service-account-private-key-file': '/pki/apiserver-key.pem' },
};
const hardWayFiles = (token: Given[string]): Given => ({ '/pki/ca.pem': { certificates: [ca] }, '/pki/apiserver.pem': { certificates: [leaf] }, '/pki/apiserver-key.pem': token });

describe('keys of tokens', () => {
  it.each<[string, NodeRecord, readonly string[], readonly string[]]>([
    ['kubeadm: a key of their own', node({ [`${pki}/sa.pub`]: { key: 'sa' }, [`${pki}/sa.key`]: { key: 'sa' }, [`${pki}/ca.crt`]: { certificates: [ca] } }), ['sa'], []],
    ['kubeadm: the CA key', node({ [`${pki}/sa.pub`]: { key: 'ca' }, [`${pki}/ca.crt`]: { certificates: [ca] } }), ['ca'], ['ca']],
    [
      'kubeadm: that of the API server, of which only the private half is there',
      node({ [`${pki}/sa.key`]: { key: 'api' }, [`${pki}/ca.crt`]: { certificates: [ca] }, [`${pki}/apiserver.crt`]: { certificates: [leaf] } }),
      ['api'],
      ['api'],
    ],
    ['nothing is known', node({ [`${pki}/ca.crt`]: { certificates: [ca] } }), [], []],
    ['flags: the private key of the API server', node(hardWayFiles({ key: 'api' }), hardWay), ['api'], ['api']],
    ['flags: a certificate of the CA in the place of a key', node(hardWayFiles({ certificates: [leaf] }), hardWay), ['api'], ['api']],
    ['flags: a key that says nothing, beside a certificate of the CA', node(hardWayFiles({}), hardWay), ['api'], ['api']],
    ['flags: a key of their own', node(hardWayFiles({ key: 'sa' }), hardWay), ['sa'], []],
    ['flags: sa.pub counts no longer', node({ ...hardWayFiles({ key: 'own' }), [`${pki}/sa.pub`]: { key: 'ca' } }, hardWay), ['own'], []],
    ['flags name files that were not read: those of kubeadm', node({ '/pki/ca.pem': { certificates: [ca] }, [`${pki}/sa.pub`]: { key: 'ca' } }, hardWay), ['ca'], ['ca']],
    [
      'flags: two keys are accepted, one of them is replaced',
      node(
        { '/pki/ca.pem': { certificates: [ca] }, '/own.pub': { key: 'own' }, '/old.pub': { key: 'ca' } },
        { 'kube-apiserver': { 'client-ca-file': '/pki/ca.pem', 'service-account-key-file': '/own.pub,/old.pub' } },
      ),
      ['own', 'ca'],
      ['ca'],
    ],
    [
      'the key of a client certificate in a kubeconfig',
      node({ ...hardWayFiles({ key: 'admin' }), '/admin.kubeconfig': { client: { ...leaf, spki: 'admin' } } }, hardWay),
      ['admin'],
      ['admin'],
    ],
    [
      'the API server presents a certificate of somebody else with this key',
      node({ '/pki/ca.pem': { certificates: [ca] }, '/pki/apiserver.pem': { certificates: [{ ...leaf, issuer: 'CN=other' }] }, '/pki/apiserver-key.pem': { key: 'api' } }, hardWay),
      ['api'],
      [],
    ],
    [
      'another CA of the same name certified it',
      node({ '/pki/ca.pem': { certificates: [ca] }, '/pki/apiserver.pem': { certificates: [{ ...leaf, aki: '02' }] }, '/pki/apiserver-key.pem': { key: 'api' } }, hardWay),
      ['api'],
      [],
    ],
  ])('%s', (_, one, keys, replaced) => {
    expect([tokenKeysOf(cluster(one)), replacedTokenKeys(cluster(one))]).toEqual([keys, replaced]);
  });

  it('of all control planes, and of no worker', () => {
    const worker = node({ [`${pki}/sa.pub`]: { key: 'worker' } }, {}, 'worker');
    const nodes = [node(hardWayFiles({ key: 'api' }), hardWay), node(hardWayFiles({ key: 'sa' }), hardWay), worker];
    expect([tokenKeysOf(cluster(...nodes)), replacedTokenKeys(cluster(...nodes))]).toEqual([['api', 'sa'], ['api']]);
  });
});

describe('key identifiers', () => {
  it('are what the header of a token names', () => {
    const der = createPublicKey(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey).export({ type: 'spki', format: 'der' });
    const digest = createHash('sha256').update(der);
    const hex = digest.copy().digest('hex');
    const header = Buffer.from(JSON.stringify({ alg: 'ES256', kid: digest.digest('base64url') })).toString('base64url');
    expect(keyIdIn(`${header}.e30.c2ln`)).toBe(keyIdOf(hex));
  });

  it.each(['', 'a password', 'a.b', 'a.b.c', 'e30.e30.c2ln', 'bnVsbA.e30.c2ln', `${Buffer.from('{"kid":1}').toString('base64url')}.e30.c2ln`])('of what is none: "%s"', (text) => {
    expect(keyIdIn(text)).toBeUndefined();
  });
});
