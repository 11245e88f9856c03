/** Edges of the control plane and of kubelets (kubernetes-pki 3.1: E1 to E8, E10, E13; 3.2: K2). */

import type { ComponentRecord, NodeRecord } from '../cluster/inventory.js';
import { partnerOf } from '../cluster/material.js';
import { type ApiServer, hostOf, serversBehind, startOf } from './api-servers.js';
import type { Edge, EdgeClass, InputId, ProcessId } from './graph.js';
import { type Draft, fileAt, kubeconfigInputs, type ReadRule, storeFile, storeKey, withKey } from './graph-draft.js';
import { componentId } from './names.js';
import { ofKubeconfig, ruleOf } from './read-rules.js';

export function componentEdges(draft: Draft, servers: readonly ApiServer[]): void {
  const members = etcdMembers(draft);
  for (const server of servers) {
    toEtcd(draft, server, members);
    ownKeys(draft, server, servers);
  }
  peers(draft, members);
  for (const node of draft.inventory.nodes) {
    for (const component of node.components) ofComponent(draft, node, component, servers);
  }
}

/** Both legs of a client with a kubeconfig. */
export function toApi(
  draft: Draft,
  servers: readonly ApiServer[],
  client: { readonly class: EdgeClass; readonly process: ProcessId; readonly url: string; readonly ca: InputId; readonly client?: InputId; readonly rules?: Edge['rules'] },
): void {
  const { servers: behind, name } = serversBehind(servers, client.url);
  // Written out: most edges of a cluster are made here, and a spread costs more than all the rest.
  const { class: edgeClass, process, rules = 'go' } = client;
  for (const server of behind) {
    const [presents, verifies] = [server.serving, client.ca];
    draft.edge(
      name === ''
        ? { class: edgeClass, leg: 'server', client: process, server: server.process, presents, verifies, rules }
        : { class: edgeClass, leg: 'server', client: process, server: server.process, presents, verifies, rules, name },
    );
    if (client.client !== undefined)
      draft.edge({ class: edgeClass, leg: 'client', client: process, server: server.process, presents: client.client, verifies: server.clientCa, rules: 'go' });
  }
}

function ofComponent(draft: Draft, node: NodeRecord, component: ComponentRecord, servers: readonly ApiServer[]): void {
  const { name, flags } = component;
  if (name === 'kube-apiserver' || name === 'etcd') return;
  const version = component.version || node.kubeletVersion;
  const process = draft.process({ id: componentId(name, node.name), kind: 'component', node: node.name, version, ...startOf(component) });
  const rule = ofKubeconfig(name, version);
  const kubeconfig = kubeconfigInputs(draft, { process, node, path: flags.kubeconfig ?? flags['kubeconfig-file'] ?? '', rule });
  const edgeClass = ({ 'kube-controller-manager': 'E5', 'kube-scheduler': 'E6', kubelet: 'E7', 'kube-proxy': 'E10', flanneld: 'E11' } as const)[name];
  const client = kubeconfig?.client ?? ownClient(draft, process, node, rule('client-certificate'));
  if (kubeconfig !== undefined) toApi(draft, servers, { class: edgeClass, process, url: kubeconfig.server, ca: kubeconfig.ca, ...(client === undefined ? {} : { client }) });
  if (name === 'kubelet') ofKubelet(draft, node, component, servers);
  if (name === 'kube-controller-manager') ofControllerManager(draft, node, component, servers);
}

/** The pair that a kubelet has had signed for itself: inventories of before do not know that its kubeconfig names it. */
function ownClient(draft: Draft, process: ProcessId, node: NodeRecord, rule: ReadRule): InputId | undefined {
  const path = '/var/lib/kubelet/pki/kubelet-client-current.pem';
  if (!process.startsWith('kubelet@') || fileAt(node, path) === undefined) return undefined;
  return draft.input(process, `${path} client`, { place: storeFile(draft, node, path), ...rule, holds: 'leaf' });
}

function ofControllerManager(draft: Draft, node: NodeRecord, { flags, version }: ComponentRecord, servers: readonly ApiServer[]): void {
  const process = componentId('kube-controller-manager', node.name);
  const rule = (flag: string): ReadRule => ruleOf('kube-controller-manager', flag, version);
  for (const flag of ['root-ca-file', 'client-ca-file']) {
    if (flags[flag]) draft.input(process, flag, { place: storeFile(draft, node, flags[flag]), ...rule(flag), holds: 'trust' });
  }
  const signing = flags['cluster-signing-cert-file'];
  if (signing) {
    const presents = draft.input(process, 'cluster-signing-cert-file', {
      place: storeFile(draft, node, signing),
      ...rule('cluster-signing-cert-file'),
      ...withKey(draft, node, flags['cluster-signing-key-file']),
      holds: 'trust',
    });
    for (const server of servers) draft.edge({ class: 'S1', client: process, server: server.process, leg: 'client', presents, verifies: server.clientCa, rules: 'go' });
  } else draft.unseen(`${process} has no --cluster-signing-cert-file: who signs CertificateSigningRequests is not known; whoever does must sign with the incoming CA in time.`);
  const own = flags['service-account-private-key-file'];
  if (own) draft.input(process, 'service-account-private-key-file', { place: storeKey(draft, node, own), ...rule('service-account-private-key-file'), holds: 'keys' });
}

const ownServing = ['/var/lib/kubelet/pki/kubelet-server-current.pem', '/var/lib/kubelet/pki/kubelet.crt'] as const;

function ofKubelet(draft: Draft, node: NodeRecord, { flags, version }: ComponentRecord, servers: readonly ApiServer[]): void {
  const process = componentId('kubelet', node.name);
  const config = fileAt(node, flags.config ?? '')?.refs ?? {};
  // Of inventories that do not know what the configuration names: where kubeadm has it.
  const clientCa = config.clientCAFile ?? flags['client-ca-file'] ?? '/etc/kubernetes/pki/ca.crt';
  const serving = config.tlsCertFile ?? flags['tls-cert-file'] ?? ownServing.find((path) => fileAt(node, path) !== undefined) ?? ownServing[1];
  const release = version || node.kubeletVersion;
  const rule = (field: string): ReadRule => ruleOf('kubelet', field, release);
  const verifiesClients = draft.input(process, 'clientCAFile', { place: storeFile(draft, node, clientCa), ...rule('clientCAFile'), holds: 'trust' });
  const presents = draft.input(process, 'tlsCertFile', {
    place: storeFile(draft, node, serving),
    ...rule('tlsCertFile'),
    ...withKey(draft, node, config.tlsPrivateKeyFile ?? flags['tls-private-key-file']),
    holds: 'leaf',
  });
  for (const server of servers) {
    const { flags: of, process: api } = server;
    const common = { class: 'E13', client: api, server: process, rules: 'go' } as const;
    const ca = of['kubelet-certificate-authority'];
    const verifies = ca ? serverInput(draft, server, 'kubelet-certificate-authority', 'trust') : undefined;
    draft.edge({ ...common, leg: 'server', presents, ...(verifies === undefined ? {} : { verifies }), ...(node.internalIp === '' ? {} : { name: node.internalIp }) });
    if (of['kubelet-client-certificate']) {
      draft.edge({ ...common, leg: 'client', presents: serverInput(draft, server, 'kubelet-client-certificate', 'leaf'), verifies: verifiesClients });
    }
  }
  // Only of a node that is yet to join: after that kubeadm removes it.
  const bootstrap = kubeconfigInputs(draft, { process, node, path: flags['bootstrap-kubeconfig'] ?? '', rule: ofKubeconfig('kubelet', release) });
  if (bootstrap !== undefined) toApi(draft, servers, { class: 'E8', process, url: bootstrap.server, ca: bootstrap.ca });
}

export function serverInput(draft: Draft, server: ApiServer, flag: string, holds: 'trust' | 'leaf'): InputId {
  return draft.input(server.process, flag, {
    place: storeFile(draft, server.node, server.flags[flag] ?? ''),
    ...ruleOf('kube-apiserver', flag, server.version),
    holds,
    ...(holds === 'leaf' ? withKey(draft, server.node, server.flags[partnerOf(flag)]) : {}),
  });
}

interface Member {
  readonly process: ProcessId;
  readonly node: NodeRecord;
  readonly flags: Readonly<Record<string, string>>;
  input(flag: string, holds: 'trust' | 'leaf'): InputId;
}

function etcdMembers(draft: Draft): Member[] {
  return draft.inventory.nodes.flatMap((node): Member[] => {
    const component = node.components.find(({ name }) => name === 'etcd');
    if (component === undefined) return [];
    const { flags, version } = component;
    const process = draft.process({ id: componentId('etcd', node.name), kind: 'component', node: node.name, version, ...startOf(component) });
    const input = (flag: string, holds: 'trust' | 'leaf'): InputId =>
      draft.input(process, flag, {
        place: storeFile(draft, node, flags[flag] ?? ''),
        ...ruleOf('etcd', flag, version),
        holds,
        ...(holds === 'leaf' ? withKey(draft, node, flags[partnerOf(flag)]) : {}),
      });
    return [{ process, node, flags, input }];
  });
}

function toEtcd(draft: Draft, server: ApiServer, members: readonly Member[]): void {
  for (const url of (server.flags['etcd-servers'] ?? '').split(',')) {
    if (!url.startsWith('https:')) continue;
    const name = hostOf(url);
    const isOwn = name === '127.0.0.1' || name === 'localhost' || name === '::1';
    const member = members.find(({ node }) => (isOwn ? node.name === server.node.name : node.internalIp === name || node.name === name));
    if (member === undefined) {
      draft.unseen(`${server.process} uses etcd at ${url}, on no host of the inventory: what that member trusts and presents was not read.`);
      continue;
    }
    const common = { class: 'E1', client: server.process, server: member.process, rules: 'go' } as const;
    draft.edge({ ...common, leg: 'server', presents: member.input('cert-file', 'leaf'), verifies: serverInput(draft, server, 'etcd-cafile', 'trust'), name });
    if (server.flags['etcd-certfile'] && verifiesClients(member.flags)) {
      draft.edge({ ...common, leg: 'client', presents: serverInput(draft, server, 'etcd-certfile', 'leaf'), verifies: member.input('trusted-ca-file', 'trust') });
    }
  }
}

function verifiesClients(flags: Member['flags']): boolean {
  return flags['client-cert-auth'] === 'true' || flags['trusted-ca-file'] !== undefined;
}

/** Each member to each other one, as server and as client; and the JSON gateway of each to itself, with its serving pair as client (etcd server/embed/etcd.go grpcGatewayDial). */
function peers(draft: Draft, members: readonly Member[]): void {
  for (const member of members) {
    if (verifiesClients(member.flags)) {
      const pair = member.input('cert-file', 'leaf');
      draft.edge({ class: 'E3', client: member.process, server: member.process, leg: 'client', presents: pair, verifies: member.input('trusted-ca-file', 'trust'), rules: 'go' });
    }
    for (const other of members) {
      if (other === member || !other.flags['peer-cert-file']) continue;
      const common = { class: 'E2', client: member.process, server: other.process, rules: 'go' } as const;
      const name = hostOf(other.flags['initial-advertise-peer-urls']?.split(',')[0] ?? '');
      draft.edge({
        ...common,
        leg: 'server',
        presents: other.input('peer-cert-file', 'leaf'),
        verifies: member.input('peer-trusted-ca-file', 'trust'),
        ...(name === '' ? {} : { name }),
      });
      draft.edge({ ...common, leg: 'client', presents: member.input('peer-cert-file', 'leaf'), verifies: other.input('peer-trusted-ca-file', 'trust') });
    }
    const health = '/etc/kubernetes/pki/etcd/healthcheck-client.crt';
    if (fileAt(member.node, health) === undefined) continue;
    const process = draft.process({ id: `etcdctl@${member.node.name}`, kind: 'kubeconfig', node: member.node.name });
    const common = { class: 'E4', client: process, server: member.process, rules: 'go' } as const;
    const client = draft.input(process, health, { place: storeFile(draft, member.node, health), policy: 'per-use', holds: 'leaf' });
    const ca = draft.input(process, '/etc/kubernetes/pki/etcd/ca.crt', {
      place: storeFile(draft, member.node, '/etc/kubernetes/pki/etcd/ca.crt'),
      policy: 'per-use',
      holds: 'trust',
    });
    draft.edge({ ...common, leg: 'client', presents: client, verifies: member.input('trusted-ca-file', 'trust') });
    draft.edge({ ...common, leg: 'server', presents: member.input('cert-file', 'leaf'), verifies: ca, name: '127.0.0.1' });
  }
}

/** A bound token of each API server at each other one. */
function ownKeys(draft: Draft, server: ApiServer, servers: readonly ApiServer[]): void {
  const signing = server.flags['service-account-signing-key-file'];
  if (!signing) return;
  const rule = ruleOf('kube-apiserver', 'service-account-signing-key-file', server.version);
  const presents = draft.input(server.process, 'service-account-signing-key-file', { place: storeKey(draft, server.node, signing), ...rule, holds: 'keys' });
  for (const other of servers) {
    const verifies = verifyKeys(draft, other);
    if (verifies !== undefined) draft.edge({ class: 'K2', client: server.process, server: other.process, leg: 'token', presents, verifies, rules: 'go' });
  }
}

export function verifyKeys(draft: Draft, server: ApiServer): InputId | undefined {
  const path = server.flags['service-account-key-file'];
  if (!path) return undefined;
  return draft.input(server.process, 'service-account-key-file', {
    place: storeKey(draft, server.node, path),
    ...ruleOf('kube-apiserver', 'service-account-key-file', server.version),
    holds: 'keys',
  });
}
