/** The objects that kubeadm init and the API server itself leave in a cluster. */

import { createHmac, randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import type { NewObject } from './api/store.js';
import type { Authorities } from './pki/authorities.js';
import { controlPlanes, networks } from './pki/component-flags.js';
import { kubeletConfiguration } from './pki/kubelet-files.js';
import { accountOf } from './objects-workloads.js';
import { endpointOf } from './pki/node-files.js';
import type { ClusterSpec, NodeSpec } from './spec.js';

const hour = 3_600_000;

/** In the order in which they can be created. */
export function clusterObjects(spec: ClusterSpec, authorities: Authorities, nowMs: number): NewObject[] {
  return [...namespaces(spec), ...configuration(spec, authorities, nowMs), ...plainObjects(spec)];
}

/** What there is in a cluster whoever made it. */
export function plainObjects(spec: ClusterSpec): NewObject[] {
  return [...namespaces(spec), ...priorityClasses(spec), ...services(spec), ...spec.nodes.map((node) => nodeObject(spec, node)), ...accounts(spec)];
}

export function namespacesOf(spec: ClusterSpec): string[] {
  const own = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
  return [...new Set([...own, ...spec.namespaces, ...spec.workloads.map((workload) => workload.namespace)])];
}

function namespaces(spec: ClusterSpec): NewObject[] {
  return namespacesOf(spec).map((name) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { 'kubernetes.io/metadata.name': name }, ...(name === 'kube-system' ? { uid: spec.uid } : {}) },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  }));
}

function priorityClasses(spec: ClusterSpec): NewObject[] {
  const classes = { ...spec.priorityClasses, 'system-node-critical': 2_000_001_000, 'system-cluster-critical': 2_000_000_000 };
  return Object.entries(classes).map(([name, value]) => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    preemptionPolicy: 'PreemptLowerPriority',
  }));
}

function configuration(spec: ClusterSpec, authorities: Authorities, nowMs: number): NewObject[] {
  const token = { id: randomBytes(3).toString('hex'), secret: randomBytes(8).toString('hex') };
  const kubeconfig = stringify(
    {
      apiVersion: 'v1',
      clusters: [{ cluster: { 'certificate-authority-data': Buffer.from(authorities.cluster.certificatePem).toString('base64'), server: endpointOf(spec) }, name: '' }],
      contexts: null,
      'current-context': '',
      kind: 'Config',
      users: null,
    },
    { lineWidth: 0, indentSeq: false },
  );
  return [
    configMap('kube-system', 'kubeadm-config', { ClusterConfiguration: clusterConfiguration(spec) }),
    configMap('kube-system', 'kubelet-config', { kubelet: kubeletConfiguration('') }),
    configMap('kube-public', 'cluster-info', { kubeconfig, [`jws-kubeconfig-${token.id}`]: detachedSignature(kubeconfig, token) }),
    secret(`bootstrap-token-${token.id}`, 'bootstrap.kubernetes.io/token', {
      'token-id': token.id,
      'token-secret': token.secret,
      expiration: new Date(nowMs + 24 * hour).toISOString().replace(/\.\d+Z$/, 'Z'),
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    }),
  ];
}

/** k/k pkg/controller/bootstrap/jws.go computeDetachedSig: HS256, payload left out. */
function detachedSignature(content: string, token: { readonly id: string; readonly secret: string }): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: token.id })).toString('base64url');
  const signature = createHmac('sha256', token.secret)
    .update(`${header}.${Buffer.from(content).toString('base64url')}`)
    .digest('base64url');
  return `${header}..${signature}`;
}

/** Flags that are not kubeadm's own are there because somebody wrote them into extraArgs. */
function clusterConfiguration(spec: ClusterSpec): string {
  const [first] = controlPlanes(spec);
  const component = (name: string): object => {
    const extra = Object.entries(first?.flags[name] ?? {});
    return extra.length === 0 ? {} : { extraArgs: extra.map(([key, value]) => ({ name: key, value })) };
  };
  return stringify(
    {
      apiServer: { certSANs: [spec.loadBalancer.address], ...component('kube-apiserver') },
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      caCertificateValidityPeriod: '87600h0m0s',
      certificateValidityPeriod: '8760h0m0s',
      certificatesDir: '/etc/kubernetes/pki',
      clusterName: spec.name,
      controlPlaneEndpoint: `${spec.loadBalancer.address}:${spec.loadBalancer.port}`,
      controllerManager: component('kube-controller-manager'),
      dns: {},
      encryptionAlgorithm: spec.leafKeyType === 'ecdsa-p256' ? 'ECDSA-P256' : spec.leafKeyType.toUpperCase(),
      etcd: { local: { dataDir: '/var/lib/etcd' } },
      imageRepository: 'registry.k8s.io',
      kind: 'ClusterConfiguration',
      kubernetesVersion: spec.version,
      networking: { dnsDomain: networks.domain, podSubnet: networks.pods, serviceSubnet: networks.services },
      proxy: {},
      scheduler: component('kube-scheduler'),
    },
    { lineWidth: 0, indentSeq: false },
  );
}

function services(spec: ClusterSpec): NewObject[] {
  const port = (name: string, number: number, protocol = 'TCP'): object => ({ name, port: number, protocol, targetPort: number });
  const addresses = controlPlanes(spec).map((node) => ({ ip: node.address }));
  return [
    service('default', 'kubernetes', { clusterIP: networks.firstServiceIp, type: 'ClusterIP', ports: [{ ...port('https', 443), targetPort: 6443 }] }),
    {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'kubernetes', namespace: 'default' },
      subsets: [{ addresses, ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] }],
    },
    service('kube-system', 'kube-dns', { clusterIP: networks.dnsIp, type: 'ClusterIP', selector: { 'k8s-app': 'coredns' }, ports: [port('dns', 53, 'UDP'), port('dns-tcp', 53)] }),
    ...(spec.namespaces.includes('felt')
      ? [service('felt', 'webhook', { clusterIP: '10.96.7.1', type: 'ClusterIP', selector: { app: 'felt-go' }, ports: [port('https', 443)] })]
      : []),
  ];
}

/** With the labels and the taint that kubeadm gives; conditions are the kubelet's. */
function nodeObject(spec: ClusterSpec, node: NodeSpec): NewObject {
  const isControlPlane = node.roles.includes('control-plane');
  const index = spec.nodes.indexOf(node);
  const podCIDR = `10.244.${index % 256}.0/24`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: node.name,
      labels: {
        'beta.kubernetes.io/arch': 'amd64',
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'kubernetes.io/hostname': node.name,
        'kubernetes.io/os': 'linux',
        ...(isControlPlane ? { 'node-role.kubernetes.io/control-plane': '', 'node.kubernetes.io/exclude-from-external-load-balancers': '' } : {}),
      },
      annotations: { 'node.alpha.kubernetes.io/ttl': '0', 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: { podCIDR, podCIDRs: [podCIDR], ...(isControlPlane ? { taints: [{ effect: 'NoSchedule', key: 'node-role.kubernetes.io/control-plane' }] } : {}) },
    status: {
      addresses: [
        { address: node.address, type: 'InternalIP' },
        { address: node.name, type: 'Hostname' },
      ],
      capacity: { cpu: '4', memory: '8Gi', pods: '110' },
      allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
      nodeInfo: {
        architecture: 'amd64',
        bootID: '',
        containerRuntimeVersion: 'containerd://1.7.28',
        kernelVersion: '6.1.0',
        kubeProxyVersion: '',
        kubeletVersion: node.kubeletVersion ?? spec.version,
        machineID: '',
        operatingSystem: 'linux',
        osImage: 'rotate-ca staging',
        systemUUID: '',
      },
    },
  };
}

function accounts(spec: ClusterSpec): NewObject[] {
  const named = spec.workloads.map((workload) => ({ namespace: workload.namespace, name: accountOf(workload) }));
  const all = [...namespacesOf(spec).map((namespace) => ({ namespace, name: 'default' })), ...named];
  // Workloads of two kinds may have one name.
  const byKey = new Map(all.map((account) => [`${account.namespace}/${account.name}`, account]));
  return [...byKey.values()].map((metadata) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata }));
}

export function configMap(namespace: string, name: string, data: Readonly<Record<string, string>>): NewObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data };
}

function secret(name: string, type: string, data: Readonly<Record<string, string>>): NewObject {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'kube-system' }, type, data: encoded };
}

function service(namespace: string, name: string, spec: object): NewObject {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec };
}
