/** A control plane for tests: CAs and leaves in a temporary folder, fake nodes, etcd members and API servers on loopback addresses. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { randomInt } from 'node:crypto';
import type { Secret } from '../../domain/secret.js';
import { type Ca, makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { openKube } from '../../adapters/kube/open-kube.js';
import type { KubeAccess } from '../../ports/kube.js';
import { createClock } from '../clock.js';
import type { RunningComponent, StagingContext } from '../component.js';
import { startEtcd } from '../etcd/start-etcd.js';
import { noFaults } from '../faults.js';
import type { NodeFile, StagingNode, StagingProcess } from '../node/staging-node.js';
import type { ClusterSpec } from '../spec.js';
import { createStore } from './memory-store.js';
import { startApiServer } from './start-api-server.js';
import type { Store } from './store.js';

const day = 86_400_000;
export const pki = '/etc/kubernetes/pki';

export interface Credential {
  readonly certificatePem: string;
  readonly key: Secret;
}

export async function newCa(commonName: string, serialNumber = 'g1'): Promise<Ca> {
  return makeCa({ subject: { commonName, serialNumber }, notBeforeMs: Date.now() - day, notAfterMs: Date.now() + 3650 * day });
}

export async function leafOf(
  ca: Ca,
  commonName: string,
  options: { organizations?: readonly string[]; sans?: readonly string[]; usages?: readonly ('serverAuth' | 'clientAuth')[]; notBeforeMs?: number; notAfterMs?: number } = {},
): Promise<Credential> {
  const { privateKeyPem: key } = await makeKeyPair('ecdsa-p256');
  const csrPem = await makeRequest({
    privateKeyPem: key,
    subject: { commonName, ...(options.organizations === undefined ? {} : { organizations: options.organizations }) },
    sans: options.sans ?? [],
  });
  const certificatePem = await signLeaf({
    ca,
    csrPem,
    usages: options.usages ?? ['clientAuth'],
    notBeforeMs: options.notBeforeMs ?? Date.now() - day,
    notAfterMs: options.notAfterMs ?? Date.now() + 365 * day,
  });
  return { certificatePem, key };
}

/** Files below a folder, listeners of changes, and nothing else that a node has. */
export function fakeNode(name: string, address: string, root: string): StagingNode {
  const listeners = new Set<() => void>();
  const at = (path: string): string => join(root, path);
  const unused = (): never => {
    throw new Error('not part of the fake node');
  };
  return {
    name,
    address,
    root,
    skewMs: 0,
    isOn: true,
    read(path): NodeFile | undefined {
      try {
        const { ino, mode, mtimeMs, ctimeMs } = statSync(at(path));
        return { bytes: readFileSync(at(path)), ino, mode, mtimeMs, ctimeMs };
      } catch {
        return undefined;
      }
    },
    write(path, bytes, options) {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(`${at(path)}.new`, bytes, { mode: options?.mode ?? 0o644 });
      renameSync(`${at(path)}.new`, at(path));
      for (const listener of listeners) listener();
    },
    remove(path) {
      rmSync(at(path), { force: true });
      for (const listener of listeners) listener();
    },
    list: (folder) => readdirSync(at(folder)),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    link: unused,
    start: unused,
    processes: unused,
    unit: unused,
    command: () => undefined,
    power: unused,
    onPower: unused,
    exec: unused,
    close: async () => undefined,
  };
}

export function fakeProcess(node: StagingNode, name: string): StagingProcess {
  return {
    pid: 1,
    name,
    args: [name],
    startedAtMs: Date.now(),
    read: (path) => node.read(path)?.bytes,
    append: (path, text) => node.write(path, `${node.read(path)?.bytes.toString('utf8') ?? ''}${text}`),
    listens: () => undefined,
    onSignal: () => undefined,
    end: () => undefined,
  };
}

export interface TestControlPlane {
  readonly context: StagingContext;
  readonly store: Store;
  readonly nodes: readonly StagingNode[];
  readonly cas: { readonly cluster: Ca; readonly etcd: Ca; readonly frontProxy: Ca };
  readonly logs: Map<string, string[]>;
  /** Of the first API server. */
  readonly url: string;
  startEtcd(node: StagingNode): Promise<RunningComponent>;
  startApi(node: StagingNode, flags?: Readonly<Record<string, string>>): Promise<RunningComponent>;
  /** Text of a kubeconfig with embedded data. */
  kubeconfig(credential: Credential, options?: { server?: string; caPem?: string }): string;
  /** The production client with that credential; closed with the rest. */
  open(credential: Credential, options?: { server?: string; caPem?: string }): Promise<KubeAccess>;
  close(): Promise<void>;
}

/** All files are made; nothing is started. `speed` of the clock: 60 makes a minute a second. */
export async function testControlPlane(options: { readonly nodes?: number; readonly speed?: number } = {}): Promise<TestControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'staging-api-'));
  const block = `127.${randomInt(16, 250)}.${randomInt(1, 250)}`;
  const [cluster, etcd, frontProxy] = await Promise.all([newCa('kubernetes'), newCa('etcd-ca'), newCa('front-proxy-ca')]);
  const nodes = Array.from({ length: options.nodes ?? 1 }, (_, i) => fakeNode(`cp${i + 1}`, `${block}.${i + 11}`, join(folder, `cp${i + 1}`)));
  const sa = await makeKeyPair('rsa-2048');
  for (const node of nodes) await layOut(node, { cluster, etcd, frontProxy }, sa);
  const store = createStore();
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    store.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'kubernetes.io/metadata.name': name } }, status: { phase: 'Active' } });
  const logs = new Map<string, string[]>();
  const context: StagingContext = {
    spec: { name: 'test', uid: 'test-uid', version: 'v1.34.3', nodes: [], loadBalancer: { address: `${block}.1`, port: 6443 } } as unknown as ClusterSpec,
    clock: createClock(options.speed ?? 60),
    store,
    faults: noFaults(),
    node: (name) => nodes.find((node) => node.name === name) as StagingNode,
    nodes: () => nodes,
    specOf: (name) => ({ name, roles: ['control-plane'] }) as unknown as ReturnType<StagingContext['specOf']>,
    log: (line) => void logs.set('trouble', [...(logs.get('trouble') ?? []), line]),
  };
  const started = new Set<RunningComponent>();
  const server = (node: StagingNode | undefined): string => `https://${node?.address ?? ''}:6443`;

  async function start(component: typeof startEtcd, name: string, node: StagingNode, flags: Readonly<Record<string, string>>): Promise<RunningComponent> {
    const lines: string[] = [];
    logs.set(`${name} ${node.name}`, lines);
    const running = await component({ context, node, process: fakeProcess(node, name), flags, log: (line) => void lines.push(line) });
    started.add(running);
    return running;
  }

  const accesses: KubeAccess[] = [];
  const plane: TestControlPlane = {
    context,
    store,
    nodes,
    cas: { cluster, etcd, frontProxy },
    logs,
    url: server(nodes[0]),
    startEtcd: (node) => start(startEtcd, 'etcd', node, etcdFlags),
    startApi: (node, flags = {}) => start(startApiServer, 'kube-apiserver', node, { ...apiFlags, ...flags }),
    kubeconfig: (credential, given = {}) =>
      kubeconfigText({
        server: given.server ?? server(nodes[0]),
        caPem: given.caPem ?? cluster.certificatePem,
        certificatePem: credential.certificatePem,
        keyPem: credential.key.reveal().toString('utf8'),
      }),
    async open(credential, given) {
      const file = join(folder, `${accesses.length}.conf`);
      writeFileSync(file, plane.kubeconfig(credential, given), { mode: 0o600 });
      const access = await openKube({ kubeconfig: file, env: {} });
      accesses.push(access);
      return access;
    },
    async close() {
      for (const access of accesses) access.close();
      await Promise.all([...started].map((one) => one.stop()));
      context.clock.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return plane;
}

const etcdFlags: Readonly<Record<string, string>> = {
  'cert-file': `${pki}/etcd/server.crt`,
  'key-file': `${pki}/etcd/server.key`,
  'trusted-ca-file': `${pki}/etcd/ca.crt`,
  'peer-cert-file': `${pki}/etcd/peer.crt`,
  'peer-key-file': `${pki}/etcd/peer.key`,
  'peer-trusted-ca-file': `${pki}/etcd/ca.crt`,
};

const apiFlags: Readonly<Record<string, string>> = {
  'client-ca-file': `${pki}/ca.crt`,
  'tls-cert-file': `${pki}/apiserver.crt`,
  'tls-private-key-file': `${pki}/apiserver.key`,
  'requestheader-client-ca-file': `${pki}/front-proxy-ca.crt`,
  'requestheader-allowed-names': 'front-proxy-client',
  'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
  'requestheader-group-headers': 'X-Remote-Group',
  'requestheader-username-headers': 'X-Remote-User',
  'kubelet-client-certificate': `${pki}/apiserver-kubelet-client.crt`,
  'kubelet-client-key': `${pki}/apiserver-kubelet-client.key`,
  'etcd-servers': 'https://127.0.0.1:2379',
  'etcd-certfile': `${pki}/apiserver-etcd-client.crt`,
  'etcd-keyfile': `${pki}/apiserver-etcd-client.key`,
  'etcd-cafile': `${pki}/etcd/ca.crt`,
  'service-account-key-file': `${pki}/sa.pub`,
  'service-account-signing-key-file': `${pki}/sa.key`,
  'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
};

async function layOut(node: StagingNode, cas: { cluster: Ca; etcd: Ca; frontProxy: Ca }, sa: { privateKeyPem: Secret; publicPem: string }): Promise<void> {
  const pair = (path: string, { certificatePem, key }: Credential): void => {
    node.write(`${pki}/${path}.crt`, certificatePem);
    node.write(`${pki}/${path}.key`, key.reveal(), { mode: 0o600 });
  };
  const both = ['serverAuth', 'clientAuth'] as const;
  const sans = [`DNS:${node.name}`, 'DNS:localhost', `IP:${node.address}`, 'IP:127.0.0.1'];
  node.write(`${pki}/ca.crt`, cas.cluster.certificatePem);
  node.write(`${pki}/etcd/ca.crt`, cas.etcd.certificatePem);
  node.write(`${pki}/front-proxy-ca.crt`, cas.frontProxy.certificatePem);
  node.write(`${pki}/sa.key`, sa.privateKeyPem.reveal(), { mode: 0o600 });
  node.write(`${pki}/sa.pub`, sa.publicPem);
  pair('apiserver', await leafOf(cas.cluster, 'kube-apiserver', { sans: [...sans, 'DNS:kubernetes'], usages: ['serverAuth'] }));
  pair('apiserver-kubelet-client', await leafOf(cas.cluster, 'kube-apiserver-kubelet-client', { organizations: ['kubeadm:cluster-admins'] }));
  pair('apiserver-etcd-client', await leafOf(cas.etcd, 'kube-apiserver-etcd-client'));
  pair('etcd/server', await leafOf(cas.etcd, node.name, { sans, usages: both }));
  pair('etcd/peer', await leafOf(cas.etcd, node.name, { sans, usages: both }));
  pair('etcd/healthcheck-client', await leafOf(cas.etcd, 'kube-etcd-healthcheck-client'));
}

export function kubeconfigText(of: { server: string; caPem: string; certificatePem: string; keyPem: string }): string {
  const data = (text: string): string => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
- name: test
  cluster:
    server: ${of.server}
    certificate-authority-data: ${data(of.caPem)}
contexts:
- name: test
  context:
    cluster: test
    user: test
current-context: test
users:
- name: test
  user:
    client-certificate-data: ${data(of.certificatePem)}
    client-key-data: ${data(of.keyPem)}
`;
}

/** Asks again until the answer is right: no test waits for a time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
