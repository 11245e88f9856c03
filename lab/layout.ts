/** How a cluster was set up, and the names and addresses that only its lab uses: labs of two layouts can stand side by side. */

import { type Release, releases } from './release.js';

export type LayoutName = 'kubeadm' | 'hard-way' | 'hard-way-pods' | 'proof' | 'kubeadm-1.30';

export interface Layout {
  readonly name: LayoutName;
  readonly release: Release;
  readonly madeBy: 'kubeadm' | 'hand';
  /** How API server, controller manager and scheduler run. */
  readonly controlPlane: 'static-pods' | 'units';
  readonly bridge: string;
  /** The bridge's own address, at which load balancer and Vault listen; the nodes are in the same /24. */
  readonly address: string;
  /** A /16; each node has a /24 of it. */
  readonly podNetwork: string;
  readonly serviceNetwork: string;
  /** The nodes' cgroups are below this one, in each hierarchy. */
  readonly cgroup: string;
  readonly nodePrefix: { readonly controlPlane: string; readonly worker: string };
  /** Where a control plane has the administrator's kubeconfig. */
  readonly adminKubeconfig: string;
  /** Where the client outside of the cluster says what it felt. */
  readonly externalCounters: string;
  /** What runs in the cluster: programs that feel a rotation, or those that the proof is held against (lab/proof). */
  readonly workloads: 'felt' | 'subjects';
  /** Control planes and workers, unless others are asked for. */
  readonly nodes: readonly [number, number];
  /** `cluster-ca`: kubelets have their serving certificates signed, and API servers verify them (--kubelet-certificate-authority). */
  readonly kubeletServing: 'self-signed' | 'cluster-ca';
}

const usual = { release: releases['1.34'], workloads: 'felt', nodes: [3, 2], kubeletServing: 'self-signed' } as const;

/** kubeadm's own defaults: control planes as static pods. */
const kubeadm: Layout = {
  name: 'kubeadm',
  madeBy: 'kubeadm',
  controlPlane: 'static-pods',
  bridge: 'br-rclab',
  address: '10.77.0.1',
  podNetwork: '10.88.0.0/16',
  serviceNetwork: '10.96.0.0/12',
  cgroup: 'rotate-ca-lab',
  nodePrefix: { controlPlane: 'cp', worker: 'w' },
  adminKubeconfig: '/etc/kubernetes/admin.conf',
  externalCounters: '127.0.0.1:18080',
  ...usual,
};

/** Everything as systemd units, on certificates of one CA whose key is in Vault. */
const hardWay: Layout = {
  name: 'hard-way',
  madeBy: 'hand',
  controlPlane: 'units',
  bridge: 'br-rchard',
  address: '10.78.0.1',
  podNetwork: '10.89.0.0/16',
  serviceNetwork: '10.32.0.0/24',
  cgroup: 'rotate-ca-hard-way',
  nodePrefix: { controlPlane: 'master', worker: 'worker' },
  adminKubeconfig: '/etc/kubernetes/admin.kubeconfig',
  externalCounters: '127.0.0.1:18081',
  ...usual,
};

/** The same, but that kubelets run three components of the masters. Nodes have other names: their ports on this machine are named after them. */
const hardWayPods: Layout = {
  name: 'hard-way-pods',
  madeBy: 'hand',
  controlPlane: 'static-pods',
  bridge: 'br-rcpods',
  address: '10.79.0.1',
  podNetwork: '10.90.0.0/16',
  serviceNetwork: '10.33.0.0/24',
  cgroup: 'rotate-ca-hard-way-pods',
  nodePrefix: { controlPlane: 'pmaster', worker: 'pworker' },
  adminKubeconfig: '/etc/kubernetes/admin.kubeconfig',
  externalCounters: '127.0.0.1:18082',
  ...usual,
};

/** As kubeadm's, but that everything hangs on the cluster CA that can: what a plan predicts is held against this one. */
const proof: Layout = {
  ...kubeadm,
  name: 'proof',
  bridge: 'br-rcproof',
  address: '10.80.0.1',
  podNetwork: '10.91.0.0/16',
  serviceNetwork: '10.34.0.0/24',
  cgroup: 'rotate-ca-proof',
  nodePrefix: { controlPlane: 'pcp', worker: 'pw' },
  externalCounters: '127.0.0.1:18083',
  workloads: 'subjects',
  nodes: [1, 1],
  kubeletServing: 'cluster-ca',
};

/** As kubeadm's, of an older release. Nodes have other names: their ports on this machine are named after them. */
const kubeadm130: Layout = {
  ...kubeadm,
  name: 'kubeadm-1.30',
  release: releases['1.30'],
  bridge: 'br-rc130',
  address: '10.81.0.1',
  podNetwork: '10.92.0.0/16',
  serviceNetwork: '10.35.0.0/24',
  cgroup: 'rotate-ca-kubeadm-130',
  nodePrefix: { controlPlane: 'cp130-', worker: 'w130-' },
  externalCounters: '127.0.0.1:18084',
};

export const layouts: Readonly<Record<LayoutName, Layout>> = { kubeadm, 'hard-way': hardWay, 'hard-way-pods': hardWayPods, proof, 'kubeadm-1.30': kubeadm130 };

/** The same network with another last part: `10.77.0.1` and 11 make `10.77.0.11`. */
export function inSubnet(layout: Layout, last: number): string {
  return layout.address.replace(/\.\d+$/, `.${last}`);
}

/** The layout of this name, if there is one. */
export function layoutOf(word: string | undefined): LayoutName | undefined {
  return Object.values(layouts).find(({ name }) => name === word)?.name;
}

/** The layout that kubeadm makes of this release with nothing else said. */
export function layoutOfRelease({ name }: Release): LayoutName {
  const layout = [kubeadm, kubeadm130].find(({ release }) => release.name === name);
  if (layout === undefined) throw new Error(`no layout has release ${name}`);
  return layout.name;
}
