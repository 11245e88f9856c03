/** All files of a hard-way node (lab/hard-way/node-files.ts): units, enabled, with all that they read. */

import { stringify } from 'yaml';
import { controlPlanes, networks } from '../pki/component-flags.js';
import { endpointOf } from '../pki/node-files.js';
import type { PkiFile } from '../pki/pki-file.js';
import type { ClusterSpec, NodeSpec } from '../spec.js';
import { environmentFiles, kubeletConfiguration, proxyConfiguration } from './component-files.js';
import { etcdUser, nodePaths } from './paths.js';
import { units } from './units.js';
import { type Issued, issue, type WriteVault } from './vault.js';

const { pki, authority, etcdPki } = nodePaths;
const localApi = 'https://127.0.0.1:6443';
const plain = 0o644;
const secret = 0o600;

/** What is issued once and copied to every master, or to every node. */
export type SharedLeaves = Readonly<Record<'apiserver' | 'controller-manager' | 'scheduler' | 'admin' | 'proxy', Issued>>;

export async function sharedLeaves(spec: ClusterSpec, write: WriteVault): Promise<SharedLeaves> {
  const services = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${networks.domain}`];
  const addresses = [...controlPlanes(spec).map(({ address }) => address), spec.loadBalancer.address, networks.firstServiceIp, '127.0.0.1'];
  const [apiserver, controllerManager, scheduler, admin, proxy] = await Promise.all([
    issue(write, { role: 'kubernetes-components', commonName: 'kube-apiserver', dnsNames: [...services, 'lb.lab'], addresses }),
    issue(write, { role: 'kubernetes-components', commonName: 'system:kube-controller-manager' }),
    issue(write, { role: 'kubernetes-components', commonName: 'system:kube-scheduler' }),
    issue(write, { role: 'kubernetes-masters', commonName: 'kubernetes-admin' }),
    issue(write, { role: 'kubernetes-node-proxier', commonName: 'system:kube-proxy' }),
  ]);
  return { apiserver, 'controller-manager': controllerManager, scheduler, admin, proxy };
}

/** Has Vault issue the leaves of the node. */
export async function hardWayNodeFiles(spec: ClusterSpec, node: NodeSpec, shared: SharedLeaves, write: WriteVault): Promise<PkiFile[]> {
  const isMaster = node.roles.includes('control-plane');
  const [kubelet, etcd] = await Promise.all([
    issue(write, { role: 'kubernetes-nodes', commonName: `system:node:${node.name}` }),
    isMaster
      ? issue(write, { role: 'kubernetes-components', commonName: `etcd-${node.name}`, dnsNames: [node.name, 'localhost'], addresses: [node.address, '127.0.0.1'] })
      : undefined,
  ]);
  return [
    ...accounts(),
    ...unitFiles(spec, node),
    { path: authority, text: kubelet.authority, mode: plain },
    ...pair(pki, 'kubelet', kubelet),
    { path: '/etc/kubernetes/kubelet.kubeconfig', text: ofFiles(spec, endpointOf(spec), `system:node:${node.name}`, 'kubelet'), mode: secret },
    { path: nodePaths.kubeletConfig, text: kubeletConfiguration(node), mode: plain },
    { path: '/etc/kubernetes/proxy.kubeconfig', text: withData(spec, endpointOf(spec), 'system:kube-proxy', shared.proxy), mode: secret },
    { path: nodePaths.proxyConfig, text: proxyConfiguration(), mode: plain },
    ...(etcd === undefined ? [] : masterFiles(spec, shared, etcd)),
  ];
}

function masterFiles(spec: ClusterSpec, shared: SharedLeaves, etcd: Issued): PkiFile[] {
  return [
    { path: `${etcdPki}/ca.pem`, text: etcd.authority, mode: plain, owner: etcdUser.id },
    ...pair(etcdPki, 'etcd', etcd, etcdUser.id),
    ...(['apiserver', 'controller-manager', 'scheduler'] as const).flatMap((name) => pair(pki, name, shared[name])),
    { path: '/etc/kubernetes/controller-manager.kubeconfig', text: ofFiles(spec, localApi, 'system:kube-controller-manager', 'controller-manager'), mode: secret },
    { path: '/etc/kubernetes/scheduler.kubeconfig', text: ofFiles(spec, localApi, 'system:kube-scheduler', 'scheduler'), mode: secret },
    { path: nodePaths.admin, text: withData(spec, endpointOf(spec), 'kubernetes-admin', shared.admin), mode: secret },
  ];
}

function unitFiles(spec: ClusterSpec, node: NodeSpec): PkiFile[] {
  const environments = environmentFiles(spec, node);
  return units
    .filter(({ runsOn }) => runsOn === 'every-node' || node.roles.includes('control-plane'))
    .flatMap(({ name, text }): PkiFile[] => {
      const path = `/etc/systemd/system/${name}.service`;
      const environment = environments.get(name);
      return [
        { path, text, mode: plain },
        { path: `/etc/systemd/system/multi-user.target.wants/${name}.service`, linkTo: path },
        ...(environment === undefined ? [] : [{ ...environment, mode: plain }]),
      ];
    });
}

function accounts(): PkiFile[] {
  const { name, id } = etcdUser;
  return [
    { path: '/etc/passwd', text: `root:x:0:0:root:/root:/bin/sh\nsre:x:1000:1000::/home/sre:/bin/sh\n${name}:x:${id}:${id}:etcd:/var/lib/etcd:/usr/sbin/nologin\n`, mode: plain },
    { path: '/etc/group', text: `root:x:0:\nsre:x:1000:\n${name}:x:${id}:\n`, mode: plain },
  ];
}

function pair(folder: string, name: string, { certificate, key }: Issued, owner?: number): PkiFile[] {
  const owned = owner === undefined ? {} : { owner };
  return [
    { path: `${folder}/${name}.pem`, text: certificate, mode: plain, ...owned },
    { path: `${folder}/${name}-key.pem`, text: key, mode: secret, ...owned },
  ];
}

/** Names the files of CA and pair. */
function ofFiles(spec: ClusterSpec, server: string, user: string, name: string): string {
  return kubeconfig(spec, user, { server, 'certificate-authority': authority }, { 'client-certificate': `${pki}/${name}.pem`, 'client-key': `${pki}/${name}-key.pem` });
}

/** Holds CA and pair itself. */
function withData(spec: ClusterSpec, server: string, user: string, issued: Issued): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return kubeconfig(
    spec,
    user,
    { server, 'certificate-authority-data': base64(issued.authority) },
    { 'client-certificate-data': base64(issued.certificate), 'client-key-data': base64(issued.key) },
  );
}

function kubeconfig({ name }: ClusterSpec, user: string, cluster: Readonly<Record<string, string>>, credentials: Readonly<Record<string, string>>): string {
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      clusters: [{ name, cluster }],
      users: [{ name: user, user: credentials }],
      contexts: [{ name, context: { cluster: name, user } }],
    },
    { lineWidth: 0 },
  );
}
