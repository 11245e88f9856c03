/** Static pod manifests as kubeadm 1.34 writes them (k/k cmd/kubeadm/app/phases/controlplane/manifests.go, volumes.go; phases/etcd/local.go). */

import { stringify } from 'yaml';
import type { ClusterSpec, NodeSpec } from '../spec.js';
import { auditMounts } from './audit-files.js';
import { componentFlags, imageOf, type StaticComponent } from './component-flags.js';

interface Mount {
  readonly name: string;
  readonly path: string;
  /** hostPath type: a file keeps its inode while the container lives, a folder does not. */
  readonly type: 'File' | 'FileOrCreate' | 'DirectoryOrCreate';
  readonly writable?: boolean;
}

interface Probe {
  readonly path: string;
  readonly port: string;
  readonly scheme: 'HTTP' | 'HTTPS';
  readonly host: string;
}

interface Shape {
  readonly mounts: readonly Mount[];
  readonly port: number;
  readonly cpu: string;
  readonly memory?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly probes: { readonly live: Probe; readonly ready?: Probe; readonly started: Probe };
}

const pki = '/etc/kubernetes/pki';
const systemCertificates: readonly Mount[] = [
  { name: 'ca-certs', path: '/etc/ssl/certs', type: 'DirectoryOrCreate' },
  { name: 'etc-ca-certificates', path: '/etc/ca-certificates', type: 'DirectoryOrCreate' },
  { name: 'usr-local-share-ca-certificates', path: '/usr/local/share/ca-certificates', type: 'DirectoryOrCreate' },
  { name: 'usr-share-ca-certificates', path: '/usr/share/ca-certificates', type: 'DirectoryOrCreate' },
];
const k8sCertificates: Mount = { name: 'k8s-certs', path: pki, type: 'DirectoryOrCreate' };

/** Path on the node and text (YAML, newline-terminated), written 0600. */
export function staticPods(spec: ClusterSpec, node: NodeSpec): { readonly path: string; readonly text: string }[] {
  const components: readonly StaticComponent[] = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
  return components.map((component) => ({ path: `/etc/kubernetes/manifests/${component}.yaml`, text: manifest(spec, node, component) }));
}

function manifest(spec: ClusterSpec, node: NodeSpec, component: StaticComponent): string {
  const usual = shapeOf(node, component);
  const shape = component === 'kube-apiserver' ? { ...usual, mounts: [...usual.mounts, ...auditMounts(spec, node)] } : usual;
  const { live, ready, started } = shape.probes;
  const { annotations } = shape;
  const volumes = [...shape.mounts].sort((a, b) => (a.name < b.name ? -1 : 1));
  // kubeadm leaves those of etcd in the order in which it made them.
  const mounts = component === 'etcd' ? shape.mounts : volumes;
  const container = {
    command: [component, ...Object.entries(componentFlags(spec, node, component)).map(([flag, value]) => `--${flag}=${value}`)],
    image: imageOf(spec, component),
    imagePullPolicy: 'IfNotPresent',
    livenessProbe: { failureThreshold: 8, ...probe(live), initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: 15 },
    name: component,
    ports: [{ containerPort: shape.port, name: 'probe-port', protocol: 'TCP' }],
    ...(ready === undefined ? {} : { readinessProbe: { failureThreshold: 3, ...probe(ready), periodSeconds: 1, timeoutSeconds: 15 } }),
    resources: { requests: { cpu: shape.cpu, ...(shape.memory === undefined ? {} : { memory: shape.memory }) } },
    startupProbe: { failureThreshold: 24, ...probe(started), initialDelaySeconds: 10, periodSeconds: 10, timeoutSeconds: 15 },
    volumeMounts: mounts.map(({ name, path, writable }) => ({ mountPath: path, name, ...(writable === true ? {} : { readOnly: true }) })),
  };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(annotations === undefined ? {} : { annotations }),
      labels: { component, tier: 'control-plane' },
      name: component,
      namespace: 'kube-system',
    },
    spec: {
      containers: [container],
      hostNetwork: true,
      priority: 2_000_001_000,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      volumes: volumes.map(({ name, path, type }) => ({ hostPath: { path, type }, name })),
    },
    status: {},
  };
  return stringify(pod, { lineWidth: 0, indentSeq: false });
}

function probe({ host, path, port, scheme }: Probe): object {
  return { httpGet: { host, path, port, scheme } };
}

function shapeOf(node: NodeSpec, component: StaticComponent): Shape {
  const of = (host: string, scheme: Probe['scheme'], port: string, [live, started, ready]: readonly [live: string, started: string, ready?: string]): Shape['probes'] => {
    const at = { host, scheme, port };
    return { live: { ...at, path: live }, ...(ready === undefined ? {} : { ready: { ...at, path: ready } }), started: { ...at, path: started } };
  };
  switch (component) {
    case 'etcd':
      return {
        annotations: { 'kubeadm.kubernetes.io/etcd.advertise-client-urls': `https://${node.address}:2379` },
        mounts: [
          { name: 'etcd-data', path: '/var/lib/etcd', type: 'DirectoryOrCreate', writable: true },
          { name: 'etcd-certs', path: `${pki}/etcd`, type: 'DirectoryOrCreate', writable: true },
        ],
        port: 2381,
        cpu: '100m',
        memory: '100Mi',
        probes: of('127.0.0.1', 'HTTP', 'probe-port', ['/livez', '/readyz', '/readyz']),
      };
    case 'kube-apiserver':
      return {
        annotations: { 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': `${node.address}:6443` },
        mounts: [...systemCertificates, k8sCertificates],
        port: 6443,
        cpu: '250m',
        probes: of(node.address, 'HTTPS', 'probe-port', ['/livez', '/livez', '/readyz']),
      };
    case 'kube-controller-manager':
      return {
        mounts: [
          ...systemCertificates,
          k8sCertificates,
          { name: 'flexvolume-dir', path: '/usr/libexec/kubernetes/kubelet-plugins/volume/exec', type: 'DirectoryOrCreate', writable: true },
          { name: 'kubeconfig', path: '/etc/kubernetes/controller-manager.conf', type: 'FileOrCreate' },
        ],
        port: 10257,
        cpu: '200m',
        probes: of('127.0.0.1', 'HTTPS', 'probe-port', ['/healthz', '/healthz']),
      };
    case 'kube-scheduler':
      return {
        mounts: [{ name: 'kubeconfig', path: '/etc/kubernetes/scheduler.conf', type: 'FileOrCreate' }],
        port: 10259,
        cpu: '100m',
        probes: of('127.0.0.1', 'HTTPS', 'probe-port', ['/livez', '/livez', '/readyz']),
      };
  }
}
