/** Leader election: who leads, who must be restarted last, and the lease of a process that is proved to be gone. */

import { failuresOf } from '../domain/errors.js';
import type { Kube, KubeObject } from '../ports/kube.js';

export type Elected = 'kube-controller-manager' | 'kube-scheduler';

export interface Lease {
  readonly object: KubeObject;
  readonly holder: string;
  /** Node name in front of the identity's underscore (client-go leaderelection identity: hostname_uuid). */
  readonly node: string;
  readonly renewedAtMs: number;
}

export async function readLease(kube: Kube, name: string, options: { deadlineMs: number; signal?: AbortSignal; namespace?: string }): Promise<Lease | undefined> {
  const { namespace = 'kube-system', ...call } = options;
  const object = await kube.read({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name }, call);
  if (object === undefined) return undefined;
  const spec = (object['spec'] ?? {}) as { holderIdentity?: string; renewTime?: string };
  const holder = spec.holderIdentity ?? '';
  return { object, holder, node: holder.split('_')[0] ?? '', renewedAtMs: spec.renewTime === undefined ? 0 : Date.parse(spec.renewTime) };
}

/**
 * One node after the other, standbys first, then the leaders: of scheduler and controller manager, if they are on two nodes.
 * One at a time, because components that start take the processor from the etcd member beside them: with two of three members
 * slowed down, writes miss their deadlines; with one, the other two are a majority.
 */
export async function leadersLast(kube: Kube, targets: readonly string[], options: { deadlineMs: number; signal?: AbortSignal }): Promise<string[][]> {
  const scheduler = await readLease(kube, 'kube-scheduler', options);
  const manager = await readLease(kube, 'kube-controller-manager', options);
  const last = [...new Set([scheduler?.node, manager?.node])].filter((n): n is string => n !== undefined && targets.includes(n));
  return [...targets.filter((t) => !last.includes(t)), ...last].map((node) => [node]);
}

/**
 * Empties the holder of a lease whose process has ended, as a releasing process does itself (client-go leaderelection.go `release`),
 * so that a standby takes over at its next retry (2 s) rather than after the lease has run out (15 s).
 * `endedBeforeMs`: the new process of that node started then, so the old one is gone. Nothing happens if the lease was renewed since.
 */
export async function releaseLeaseOfEnded(
  kube: Kube,
  name: Elected,
  ended: { node: string; endedBeforeMs: number; skewMs: number },
  options: { deadlineMs: number; signal?: AbortSignal },
): Promise<boolean> {
  const lease = await readLease(kube, name, options);
  if (lease === undefined || lease.node !== ended.node || lease.renewedAtMs + ended.skewMs >= ended.endedBeforeMs) return false;
  const spec = { ...(lease.object['spec'] as Record<string, unknown>), holderIdentity: '', leaseDurationSeconds: 1 };
  try {
    await kube.replace({ ...lease.object, spec }, options);
    return true;
  } catch (error) {
    // Somebody took or renewed it in between: that is as good.
    if (failuresOf(error) !== undefined) return false;
    throw error;
  }
}
