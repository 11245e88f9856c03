import { beforeEach, describe, expect, it } from 'vitest';
import type { CertificateRecord, FileRecord, Inventory, NodeRecord } from '../../domain/cluster/inventory.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site } from '../../ports/step-kind.js';
import { Secret } from '../../domain/secret.js';
import { createPaperKube, type PaperKube } from '../../../test/support/paper-kube.js';
import { checkCluster } from './kind.js';
import { sharedRoles } from './shared-roles.js';
import { uncovered } from './uncovered.js';

const pki = '/etc/kubernetes/pki';
const certificate = (spki: string): CertificateRecord => ({
  fingerprint: `f-${spki}`,
  spki,
  subject: `CN=${spki}`,
  issuer: `CN=${spki}`,
  serial: '1',
  ski: '',
  aki: '',
  notBeforeMs: 0,
  notAfterMs: 9e15,
  isCa: true,
  keyType: 'rsa-2048',
  sans: [],
  usages: [],
});
const file = (path: string, spki?: string, more: Partial<FileRecord> = {}): FileRecord => ({
  path,
  kind: 'bundle',
  sha256: '',
  mode: '0644',
  uid: 0,
  gid: 0,
  certificates: spki === undefined ? [] : [certificate(spki)],
  ...more,
});
const usual: Record<string, FileRecord> = {
  ca: file(`${pki}/ca.crt`, 'cluster'),
  caKey: file(`${pki}/ca.key`),
  etcd: file(`${pki}/etcd/ca.crt`, 'etcd'),
  frontProxy: file(`${pki}/front-proxy-ca.crt`, 'front-proxy'),
  apiserver: file(`${pki}/apiserver.crt`, 'apiserver'),
  tokens: file(`${pki}/sa.pub`, undefined, { keySpki: 'tokens' }),
};
const flags = { 'client-ca-file': `${pki}/ca.crt`, 'tls-cert-file': `${pki}/apiserver.crt` };
function node(files: Record<string, FileRecord> = {}, more: Record<string, string> = {}): NodeRecord {
  return {
    name: 'cp1',
    roles: ['control-plane'],
    host: { name: 'cp1', sshHost: 'cp1', become: true },
    internalIp: '10.0.0.1',
    kubeletVersion: '',
    files: Object.values({ ...usual, ...files }),
    components: [{ name: 'kube-apiserver', version: '', flags: { ...flags, ...more } }],
    tools: { openssl: true, ctr: true, crictl: true, kubeadm: true },
  };
}
const inventory = (...nodes: NodeRecord[]): Inventory => ({
  apiVersion: 'rotate-ca/v1',
  kind: 'Inventory',
  takenAt: '',
  cluster: { uid: 'u', server: '', version: '' },
  nodes,
  objects: [],
});

describe('a CA or key that plays two roles', () => {
  it.each([
    ['none', {}, []],
    ['etcd', { etcd: file(`${pki}/etcd/ca.crt`, 'cluster') }, ['the cluster CA is also the etcd CA']],
    ['front-proxy', { frontProxy: file(`${pki}/front-proxy-ca.crt`, 'cluster') }, ['the cluster CA is also the front-proxy CA']],
    ['etcd and front-proxy', { etcd: file(`${pki}/etcd/ca.crt`, 'x'), frontProxy: file(`${pki}/front-proxy-ca.crt`, 'x') }, ['the etcd CA is also the front-proxy CA']],
    ['tokens by the CA key', { tokens: file(`${pki}/sa.pub`, undefined, { keySpki: 'cluster' }) }, ['the cluster CA is also the service-account token key']],
    ['tokens by the API server key', { tokens: file(`${pki}/sa.pub`, undefined, { keySpki: 'apiserver' }) }, ['the API server key is also the service-account token key']],
  ])('%s', (_, files, expected) => {
    const failures = sharedRoles(inventory(node(files)));
    expect(failures.map((f) => f.summary)).toEqual(expected);
    expect(failures.every((f) => f.code === 'ca-shared' && f.target === 'cp1')).toBe(true);
  });
});

describe('layouts that no step covers', () => {
  it.each([
    ['kubeadm', {}, {}, 0],
    ['kubelet CA', { 'kubelet-certificate-authority': `${pki}/ca.crt` }, {}, 1],
    ['other client CA', { 'client-ca-file': '/etc/other/ca.crt' }, {}, 1],
    ['serverTLSBootstrap', {}, { serving: file('/var/lib/kubelet/pki/kubelet-server-current.pem', 'cluster') }, 1],
  ])('%s', (_, more, files, count) => {
    const failures = uncovered(inventory(node(files, more)));
    expect(failures).toHaveLength(count);
    expect(failures.every((f) => f.code === 'layout-unsupported' && f.nextAction !== '')).toBe(true);
  });
});

let api: PaperKube;
const original = { certificatePem: 'x', key: new Secret('x') };
const site = (of: Inventory): Site =>
  ({ target: 'cluster', inventory: of, access: api.access, signal: new AbortController().signal, deadlineAtMs: 10_000, now: () => 0 }) as unknown as Site;
const preflight = async (of = inventory(node()), params: object = {}) => (await checkCluster.preflight(site(of), checkCluster.params.parse(params))).map((f) => [f.code, f.target]);
const webhook = (resources: string[], failurePolicy?: string): KubeObject => ({
  apiVersion: 'x',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'guard' },
  webhooks: [{ ...(failurePolicy === undefined ? {} : { failurePolicy }), rules: [{ resources, operations: ['*'] }] }],
});
const apiNode = (status: string, name = 'cp1'): KubeObject => ({ apiVersion: 'v1', kind: 'Node', metadata: { name }, status: { conditions: [{ type: 'Ready', status }] } });

describe('check-cluster', () => {
  beforeEach(() => {
    api = createPaperKube(original);
    api.put(apiNode('True'));
  });

  it('has nothing against a usual cluster', async () => expect(await preflight()).toEqual([]));

  it.each([
    [['secrets'], undefined, true],
    [['pods/status'], 'Fail', true],
    [['*'], 'Fail', true],
    [['secrets'], 'Ignore', false],
    [['widgets'], 'Fail', false],
  ])('a webhook on %j with failurePolicy %s blocks: %s', async (resources, policy, blocks) => {
    api.put(webhook(resources, policy));
    expect(await preflight()).toEqual(blocks ? [['webhook-blocks', 'ValidatingWebhookConfiguration guard']] : []);
    expect(await preflight(inventory(node()), { tolerateWebhooks: ['guard'] })).toEqual([]);
  });

  it('wants a kubeconfig with a client certificate', async () => {
    api = createPaperKube();
    api.put(apiNode('True'));
    expect(await preflight()).toEqual([['kubeconfig-invalid', 'https://api.paper:6443']]);
  });

  it('names nodes that are not Ready and nodes that the plan does not know', async () => {
    api.put(apiNode('Unknown'));
    api.put(apiNode('True', 'w9'));
    expect(await preflight()).toEqual([
      ['node-not-ready', 'cp1'],
      ['node-unknown', 'w9'],
    ]);
  });

  it('names API servers that are not ready, immutable token Secrets, and GitOps', async () => {
    api.onGet(() => ({ status: 500, body: '[+]ping ok\n[-]etcd failed' }));
    api.put({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 't', namespace: 'a' }, type: 'kubernetes.io/service-account-token', immutable: true });
    api.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubeadm-config', namespace: 'kube-system', annotations: { 'argocd.argoproj.io/tracking-id': 'x' } } });
    expect(await preflight()).toEqual([
      ['quorum-at-risk', 'cp1'],
      ['reverting-agent', 'ConfigMap kube-system/kubeadm-config'],
      ['layout-unsupported', 'Secret a/t'],
    ]);
  });

  it.each([
    ['two certificates in ca.crt', { ca: file(`${pki}/ca.crt`, 'cluster', { certificates: [certificate('cluster'), certificate('n')] }) }, 'ca-unexpected'],
    ['no key beside it', { caKey: file('/elsewhere') }, 'layout-unsupported'],
  ])('refuses %s', async (_, files, code) => expect((await preflight(inventory(node(files)))).map(([c]) => c)).toContain(code));

  it('refuses CAs that differ between nodes', async () => {
    const worker: NodeRecord = { ...node({ ca: file(`${pki}/ca.crt`, 'another') }), name: 'w1', roles: ['worker'] };
    expect(await preflight(inventory(node(), worker))).toEqual([['ca-unexpected', 'cluster']]);
  });
});
