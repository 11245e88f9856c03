/** The digest of a plan: canonical JSON and its SHA-256. It is what an approval approves. */

import { createHash } from 'node:crypto';
import type { FileRecord, Inventory, NodeRecord } from '../cluster/inventory.js';
import type { Plan } from './plan.js';

/** Where kubelets keep the leaves that they renew by themselves. */
const kubeletPki = '/var/lib/kubelet/pki/';

/**
 * SHA-256, lower-case hex, over what matters for trust: the playbook's digest, steps, dropped steps, settings, and of the inventory
 * the cluster, nodes, how they are reached, versions, flags, and fingerprints of certificates and keys by place.
 *
 * Not in it, because a rotation soaks for days and none of it changes what is safe: times (createdAt, takenAt), the plan's name and
 * tool, stateDir, bytes, modes and owners of files, and which namespaces and token Secrets there are (of what
 * kube-controller-manager writes, only the set of CAs counts). A kubelet renews its leaves by itself: of those only the issuer counts.
 */
export function digestOf(plan: Omit<Plan, 'digest'>): string {
  const { stateDir: _, ...settings } = plan.settings;
  const steps = [...plan.steps];
  return sha256(canonicalJson({ apiVersion: plan.apiVersion, playbook: plan.playbook.sha256, settings, steps, dropped: plan.dropped, trust: trustOf(plan.inventory) }));
}

/** JSON with sorted keys and without undefined: equal data, equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function trustOf(inventory: Inventory): unknown {
  const published = inventory.objects.filter(({ writer }) => writer === 'kube-controller-manager');
  return {
    cluster: inventory.cluster,
    nodes: inventory.nodes.map(nodeTrust).sort(byText),
    objects: inventory.objects
      .filter(({ writer }) => writer !== 'kube-controller-manager')
      .map(({ certificates, ...ref }) => ({ ...ref, certificates: certificates.map(({ fingerprint }) => fingerprint) }))
      .sort(byText),
    published: [...new Set(published.flatMap(({ certificates }) => certificates.map(({ fingerprint }) => fingerprint)))].sort(),
  };
}

function nodeTrust(node: NodeRecord): unknown {
  return {
    name: node.name,
    roles: [...node.roles].sort(),
    host: node.host,
    internalIp: node.internalIp,
    kubeletVersion: node.kubeletVersion,
    components: [...node.components].sort(byText),
    files: node.files.flatMap(fileTrust).sort(byText),
  };
}

function fileTrust(file: FileRecord): unknown[] {
  if (file.path.startsWith(kubeletPki)) {
    // kubelet-client-2026-11-23-....pem: a new name at each renewal; the link kubelet-client-current.pem stands for them.
    if (/-\d{4}-\d{2}-\d{2}-/.test(file.path)) return [];
    return [{ path: file.path, kind: file.kind, issuedBy: file.certificates.map(({ issuer, aki }) => [issuer, aki]) }];
  }
  return [
    {
      path: file.path,
      kind: file.kind,
      certificates: file.certificates.map(({ fingerprint }) => fingerprint),
      client: file.client?.fingerprint,
      server: file.server,
      keySpki: file.keySpki,
      linkTo: file.linkTo,
    },
  ];
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [canonicalJson(a), canonicalJson(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
