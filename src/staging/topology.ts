/** Staging clusters by name: how many nodes, and what runs on them. The same shape as the lab's cluster (lab/README.md). */

import { fail } from '../domain/errors.js';
import type { CaSpec, ClusterSpec, NodeSpec, WorkloadSpec } from './spec.js';
import { hardWayNamespaces, hardWayPriorities, hardWayWorkloads } from './hard-way/objects.js';
import { addressesOf, freeBlock, portsOf, type SpecPlace } from './addresses.js';

const minute = 60_000;
const day = 24 * 60 * minute;
/** Where nobody says another. */
export const usualVersion = 'v1.34.4';

/** Names of topologies, and control planes and workers of each. */
const named: Readonly<Record<string, readonly [controlPlanes: number, workers: number]>> = { small: [1, 1], ha: [3, 3] };

/** Before a colon, or alone: a cluster that was made by hand. */
const hardWay = { name: 'hard-way', sizes: [3, 2] } as const;

/** Above that a serving pair of RSA for each kubelet would take longer than all the rest of the start. */
const rsaServingPairs = 12;

/** CAs as kubeadm makes them: RSA-2048, ten years, five minutes ago (k/k cmd/kubeadm/app/constants/constants.go). */
export function kubeadmCa(commonName: string, nowMs: number): CaSpec {
  return { commonName, keyType: 'rsa-2048', notBeforeMs: nowMs - 5 * minute, notAfterMs: nowMs + 3650 * day };
}

/** Workloads of kube-system that every kubeadm cluster has, and a network agent. */
export const systemWorkloads: readonly WorkloadSpec[] = [
  { kind: 'DaemonSet', namespace: 'kube-system', name: 'kube-proxy', replicas: 1, priorityClass: 'system-node-critical', readsCa: 'once' },
  { kind: 'DaemonSet', namespace: 'kube-flannel', name: 'kube-flannel-ds', replicas: 1, priorityClass: 'system-node-critical', readsCa: 'once' },
  { kind: 'Deployment', namespace: 'kube-system', name: 'coredns', replicas: 2, priorityClass: 'system-cluster-critical', readsCa: 'once' },
];

const applications: readonly WorkloadSpec[] = [
  { kind: 'Deployment', namespace: 'felt', name: 'felt-go', replicas: 3, priorityClass: 'felt-high', budget: 1, readsCa: 'once' },
  { kind: 'StatefulSet', namespace: 'felt', name: 'felt-store', replicas: 2, priorityClass: 'felt-low', budget: 1, readsCa: 'once' },
  { kind: 'Deployment', namespace: 'felt', name: 'felt-node', replicas: 1, priorityClass: 'felt-low', readsCa: 'once' },
  { kind: 'Deployment', namespace: 'felt', name: 'felt-python', replicas: 1, priorityClass: 'felt-low', readsCa: 'reload' },
];

const priorityClasses = { 'felt-high': 100_000, 'felt-low': 1_000 };

/** At a place of this machine where several may be looking for one at once. Throws usage if there is none. */
export async function specSomewhere(topology: string, options: Omit<SpecPlace, 'block'>): Promise<ClusterSpec> {
  const specIn = (block: number): ClusterSpec => specOfTopology(topology, { ...options, block });
  return specIn(await freeBlock((block) => portsOf(specIn(block)), { spread: true }));
}

/** "small", "ha", or "3+200" (control planes + workers); "hard-way", or one of these behind "hard-way:". Throws usage with what is allowed. */
export function specOfTopology(topology: string, place: SpecPlace): ClusterSpec {
  if (topology === hardWay.name) return handMade(kubeadmSpec(hardWay.sizes, place));
  if (topology.startsWith(`${hardWay.name}:`)) return handMade(kubeadmSpec(sizes(topology.slice(hardWay.name.length + 1)), place));
  return kubeadmSpec(sizes(topology), place);
}

/** lab/hard-way: other names of nodes, other workloads, one CA, and nothing of kubeadm. */
function handMade(spec: ClusterSpec): ClusterSpec {
  const rename = (name: string): string => name.replace(/^cp/, 'master').replace(/^w/, 'worker');
  const { cluster } = spec.cas;
  return {
    ...spec,
    name: hardWay.name,
    layout: 'hard-way',
    cas: { cluster, etcd: cluster, frontProxy: cluster },
    nodes: spec.nodes.map(({ via, ...one }) => ({
      ...one,
      name: rename(one.name),
      ...(via === undefined ? {} : { via: rename(via) }),
      // With openssl, as the nodes of the lab: by it alone a scan learns which key a file without a certificate holds.
      tools: { ...one.tools, openssl: true, kubeadm: false, etcdctl: one.roles.includes('control-plane') },
    })),
    namespaces: hardWayNamespaces,
    workloads: hardWayWorkloads,
    priorityClasses: hardWayPriorities,
    caCopies: [],
  };
}

function kubeadmSpec([controlPlanes, workers]: readonly [number, number], place: SpecPlace): ClusterSpec {
  const addresses = addressesOf(place.block);
  const nodes: NodeSpec[] = [
    ...Array.from({ length: controlPlanes }, (_, i) => node(`cp${i + 1}`, 'control-plane', addresses.controlPlane(i))),
    ...Array.from({ length: workers }, (_, i) => {
      const one = node(`w${i + 1}`, 'worker', addresses.worker(i));
      // One node is behind another, as nodes of private networks are.
      const behind = i === workers - 1 ? { via: workers > 1 ? 'w1' : 'cp1' } : {};
      return { ...one, ...behind, leaves: workers > rsaServingPairs ? [{ path: '/var/lib/kubelet/pki/kubelet.crt', keyType: 'ecdsa-p256' as const }] : [] };
    }),
  ];
  return {
    name: 'kubernetes',
    uid: place.uid,
    version: usualVersion,
    block: place.block,
    loadBalancer: addresses.loadBalancer,
    vault: addresses.vault,
    cas: { cluster: kubeadmCa('kubernetes', place.nowMs), etcd: kubeadmCa('etcd-ca', place.nowMs), frontProxy: kubeadmCa('front-proxy-ca', place.nowMs) },
    leafKeyType: 'rsa-2048',
    nodes,
    namespaces: ['felt', 'tokens-1', 'tokens-2', 'tokens-3'],
    workloads: [...systemWorkloads, ...applications],
    priorityClasses,
    tokenSecrets: 30,
    notReproduced:
      workers > rsaServingPairs ? [`serving pairs of the kubelets of ${workers} workers are ECDSA P-256: a kubelet makes RSA-2048, which would take minutes for so many`] : [],
  };
}

function node(name: string, role: 'control-plane' | 'worker', address: string): NodeSpec {
  return { name, roles: [role], address, sshPort: 2222, tools: { openssl: false, ctr: true, crictl: false, kubeadm: true, etcdctl: false }, leaves: [], flags: {} };
}

function sizes(topology: string): readonly [number, number] {
  const known = named[topology];
  if (known !== undefined) return known;
  const [, controlPlanes = '', workers = ''] = /^(\d+)\+(\d+)$/.exec(topology) ?? [];
  const read = [Number(controlPlanes), Number(workers)] as const;
  if (controlPlanes !== '' && [1, 3, 5].includes(read[0]) && read[1] >= 1 && read[1] <= 1000) return read;
  return fail('usage', {
    target: '--topology',
    summary: `"${topology}" is no topology`,
    cause: controlPlanes === '' ? 'it is neither a name nor two numbers' : 'etcd needs 1, 3 or 5 control planes, and there are 1 to 1000 workers',
    nextAction: `Give ${Object.entries(named)
      .map(([name, [a, b]]) => `"${name}" (${a}+${b})`)
      .join(', ')} or CONTROLPLANES+WORKERS, as "3+20"; "hard-way" (3+2) or "hard-way:1+1" for one that was made by hand.`,
  });
}
