import type { Lab } from '../lab.js';
import { hasJoined, issueTicket, joinNode } from './kubeadm.js';

export async function joinControlPlanes(lab: Lab): Promise<void> {
  const missing = lab.controlPlanes.filter((node) => !hasJoined(lab, node));
  if (missing.length === 0) return;
  const ticket = await issueTicket(lab, { controlPlane: true });
  // One after the other: each adds a member to etcd, and only one may be on its way.
  for (const node of missing) await joinNode(lab, node, ticket);
}

export async function joinWorkers(lab: Lab): Promise<void> {
  const missing = lab.workers.filter((node) => !hasJoined(lab, node));
  if (missing.length === 0) return;
  for (const node of missing) await lab.kubectl(['delete', 'node', node.name, '--ignore-not-found']);
  const ticket = await issueTicket(lab, { controlPlane: false });
  await Promise.all(missing.map((node) => joinNode(lab, node, ticket)));
}
