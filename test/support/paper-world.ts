/** One control-plane node of kubeadm on paper, with its API, its issuer and its servers: a prop for unit tests of steps, no cluster. */

import { X509Certificate } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Inventory } from '../../src/domain/cluster/inventory.js';
import { Secret } from '../../src/domain/secret.js';
import type { Issuer } from '../../src/ports/issuer.js';
import type { Site } from '../../src/ports/step-kind.js';
import type { TlsProbe } from '../../src/ports/tls-probe.js';
import { type Ca, makeCa, signLeaf } from '../../src/x509/certificate-authority.js';
import { makeKeyPair } from '../../src/x509/key-pair.js';
import { makeRequest } from '../../src/x509/request.js';
import { createPaperKube, type PaperKube } from './paper-kube.js';
import { runKubelet } from './paper-kubelet.js';
import { createPaperNode, type PaperNode } from './paper-node.js';
import { planOf, stepWith } from './plans.js';

export const nodeName = 'cp1';
const pki = '/etc/kubernetes/pki';
const day = 24 * 3600_000;

export interface PaperWorld {
  readonly node: PaperNode;
  readonly api: PaperKube;
  readonly cas: { readonly outgoing: Ca; readonly incoming: Ca };
  readonly artefacts: Map<string, string>;
  readonly issued: { readonly names: Map<string, { issuerId: string; keyId: string; certificatePem: string }>; destroyed: string[] };
  readonly told: string[];
  /** What the servers were told of: which CAs' leaves the API server and the kubelet accept is read from the node's ca.crt. */
  site(options?: { target?: string; signal?: AbortSignal; attempt?: number; deadlineMs?: number; told?: (message: string) => void }): Site;
  leaf(
    ca: 'outgoing' | 'incoming',
    subject: { organizations: readonly string[]; commonName: string },
    more?: { sans?: readonly string[]; usages?: readonly ('serverAuth' | 'clientAuth')[] },
  ): Promise<{ certificatePem: string; keyPem: string }>;
  close(): void;
}

let cas: Promise<PaperWorld['cas']> | undefined;
const validity = () => ({ notBeforeMs: Date.now() - day, notAfterMs: Date.now() + 400 * day });
const makeCas = async () => ({
  outgoing: await makeCa({ ...validity(), subject: { commonName: 'kubernetes', organizations: [] } }),
  incoming: await makeCa({ ...validity(), subject: { commonName: 'kubernetes-ca', organizations: [] } }),
});

/** `trusts`: what the node's files trust at first. */
export async function createPaperWorld(): Promise<PaperWorld> {
  cas ??= makeCas();
  const made = await cas;
  const node = createPaperNode(nodeName);
  const leafOf: PaperWorld['leaf'] = async (ca, { organizations, commonName }, { sans = [], usages = ['clientAuth'] as const } = {}) => {
    const pair = await makeKeyPair('ecdsa-p256');
    const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { organizations, commonName }, sans });
    return { certificatePem: await signLeaf({ ca: made[ca], csrPem, usages, ...validity() }), keyPem: pair.privateKeyPem.reveal().toString('utf8') };
  };
  const admin = await leafOf('outgoing', { organizations: ['kubeadm:cluster-admins'], commonName: 'kubernetes-admin' });
  const api = createPaperKube({ certificatePem: admin.certificatePem, key: new Secret(admin.keyPem) });
  const artefacts = new Map([
    ['outgoing-ca.pem', made.outgoing.certificatePem],
    ['incoming-ca.pem', made.incoming.certificatePem],
    ['incoming-issuer.json', JSON.stringify({ issuerId: 'issuer-1', keyId: 'key-1' })],
  ]);
  await layOut(node, made, leafOf, admin);
  runKubelet(node, api);
  api.onApprove(async (csrPem) => {
    const ca = {
      certificatePem: node.text(`${pki}/signing-ca.crt`) ?? node.text(`${pki}/ca.crt`) ?? '',
      keyPem: new Secret(node.text(`${pki}/signing-ca.key`) ?? node.text(`${pki}/ca.key`) ?? ''),
    };
    return signLeaf({ ca, csrPem, usages: ['clientAuth'], ...validity() });
  });
  const told: string[] = [];
  const issued: PaperWorld['issued'] = { names: new Map(), destroyed: [] };
  const issuer = issuerOf(made, issued);
  const inventory: Inventory = {
    apiVersion: 'rotate-ca/v1',
    kind: 'Inventory',
    takenAt: '2026-01-01T00:00:00Z',
    cluster: { uid: 'u', server: 'https://api.paper:6443', version: 'v1.34.0' },
    nodes: [
      {
        name: nodeName,
        roles: ['control-plane'],
        host: { name: nodeName, sshHost: nodeName, become: true },
        internalIp: '10.0.0.11',
        kubeletVersion: 'v1.34.0',
        files: [],
        components: [],
        tools: { openssl: true, ctr: true, crictl: false, kubeadm: true },
      },
    ],
    objects: [],
  };
  return {
    node,
    api,
    cas: made,
    artefacts,
    issued,
    told,
    leaf: leafOf,
    site({ target = nodeName, signal = new AbortController().signal, attempt = 1, deadlineMs = 60_000, told: tell = (m: string) => void told.push(m) } = {}) {
      const step = stepWith({ id: 'a-step', kind: 'x', targets: [target] });
      const deadlineAtMs = Date.now() + deadlineMs;
      return {
        target,
        run: { id: 'r1', attempt },
        step,
        plan: { ...planOf([step]), inventory },
        inventory,
        shell: node.shell,
        shells: { to: () => node.shell, close: async () => undefined },
        access: api.access,
        issuer,
        roleIssuer: () => Promise.reject(new Error('there are no roles on paper')),
        tls: probeOf(node, api),
        artefacts: {
          get: (name) => artefacts.get(name),
          put(name, text) {
            if (artefacts.has(name) && artefacts.get(name) !== text) throw new Error(`artefact ${name} is written twice`);
            artefacts.set(name, text);
          },
        },
        checkpoints: { saveBlob: async (name) => ({ ref: name, sha256: '00' }), prove: async () => undefined },
        signal,
        deadlineAtMs,
        now: Date.now,
        observe: async () => inventory,
        wait: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 10))),
        tell,
      };
    },
    close: () => node.close(),
  };
}

function issuerOf(made: PaperWorld['cas'], issued: PaperWorld['issued']): Issuer {
  return {
    check: async () => [],
    async generateCa(ca) {
      const of = { issuerId: `issuer-${issued.names.size + issued.destroyed.length + 1}`, keyId: 'key', certificatePem: made.incoming.certificatePem };
      issued.names.set(ca.name, of);
      return { ...of, key: made.incoming.keyPem };
    },
    findCa: async (name) => issued.names.get(name),
    sign: ({ csrPem, usages, ttlMs, backdateMs }) => signLeaf({ ca: made.incoming, csrPem, usages, notBeforeMs: Date.now() - backdateMs, notAfterMs: Date.now() + ttlMs }),
    async destroyCa({ issuerId }) {
      issued.destroyed.push(issuerId);
      for (const [name, of] of issued.names) if (of.issuerId === issuerId) issued.names.delete(name);
    },
    describe: () => 'paper',
  };
}

/** Servers believe what lies on the node now: hot reload without a delay. */
function probeOf(node: PaperNode, api: PaperKube): TlsProbe {
  const cas = (pem: string): X509Certificate[] => (pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map((b) => new X509Certificate(b));
  const served = (): string => node.text(`${pki}/apiserver.crt`) ?? '';
  const isSigned = (leaf: string, bundle: string): boolean => cas(bundle).some((ca) => new X509Certificate(leaf).verify(ca.publicKey));
  return {
    presentedBy: async () => [served()],
    verifies: async (_at, { caPem }) => (isSigned(served(), caPem) ? { ok: true } : { ok: false, error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
    async request(at, { credential }) {
      void api;
      const accepted = credential !== undefined && isSigned(credential.certificatePem, node.text(`${pki}/ca.crt`) ?? '');
      if (!accepted) return { status: 401, body: '' };
      return at.port === 10250 ? { status: 403, body: 'Forbidden (user=probe, ...)' } : { status: 201, body: JSON.stringify({ status: { userInfo: { username: 'probe' } } }) };
    },
  };
}

async function layOut(node: PaperNode, made: PaperWorld['cas'], leafOf: PaperWorld['leaf'], admin: { certificatePem: string; keyPem: string }): Promise<void> {
  const system = (commonName: string, organizations: string[] = []) => leafOf('outgoing', { organizations, commonName });
  node.put(`${pki}/ca.crt`, made.outgoing.certificatePem, 0o644);
  node.put(`${pki}/ca.key`, made.outgoing.keyPem.reveal().toString('utf8'));
  const serving = await leafOf('outgoing', { organizations: [], commonName: 'kube-apiserver' }, { sans: ['DNS:kubernetes', 'IP:10.96.0.1'], usages: ['serverAuth'] });
  node.put(`${pki}/apiserver.crt`, serving.certificatePem, 0o644);
  node.put(`${pki}/apiserver.key`, serving.keyPem);
  const toKubelets = await system('kube-apiserver-kubelet-client', ['kubeadm:cluster-admins']);
  node.put(`${pki}/apiserver-kubelet-client.crt`, toKubelets.certificatePem, 0o644);
  node.put(`${pki}/apiserver-kubelet-client.key`, toKubelets.keyPem);
  const conf = (leaf: { certificatePem: string; keyPem: string }): string =>
    kubeconfig(made.outgoing.certificatePem, `client-certificate-data: ${b64(leaf.certificatePem)}\n    client-key-data: ${b64(leaf.keyPem)}`);
  node.put('/etc/kubernetes/admin.conf', conf(admin));
  node.put('/etc/kubernetes/controller-manager.conf', conf(await system('system:kube-controller-manager')));
  node.put('/etc/kubernetes/scheduler.conf', conf(await system('system:kube-scheduler')));
  node.put(
    '/etc/kubernetes/kubelet.conf',
    kubeconfig(
      made.outgoing.certificatePem,
      'client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem',
    ),
  );
  const kubelet = await system(`system:node:${nodeName}`, ['system:nodes']);
  node.put('/var/lib/kubelet/pki/kubelet-client-2026-01-01-00-00-00.pem', `${kubelet.certificatePem}${kubelet.keyPem}`);
  symlinkSync(join(node.root, '/var/lib/kubelet/pki/kubelet-client-2026-01-01-00-00-00.pem'), join(node.root, '/var/lib/kubelet/pki/kubelet-client-current.pem'));
  const signer = `    - --cluster-signing-cert-file=${pki}/ca.crt\n    - --cluster-signing-key-file=${pki}/ca.key\n    - --root-ca-file=${pki}/ca.crt\n`;
  for (const [name, flags] of [
    ['kube-controller-manager', signer],
    ['kube-scheduler', ''],
  ] as const) {
    node.put(
      `/etc/kubernetes/manifests/${name}.yaml`,
      `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  namespace: kube-system\nspec:\n  containers:\n  - command:\n    - ${name}\n    - --leader-elect=true\n${flags}    image: paper\n    name: ${name}\n`,
    );
  }
}

function kubeconfig(caPem: string, user: string): string {
  return `apiVersion: v1\nkind: Config\nclusters:\n- name: kubernetes\n  cluster:\n    certificate-authority-data: ${b64(caPem)}\n    server: https://api.paper:6443\ncontexts:\n- name: me\n  context:\n    cluster: kubernetes\n    user: me\ncurrent-context: me\nusers:\n- name: me\n  user:\n    ${user}\n`;
}

const b64 = (text: string): string => Buffer.from(text).toString('base64');
