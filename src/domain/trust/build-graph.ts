/** Inventory to trust graph: who presents what to whom, and who verifies it with what. Pure. */

import type { Inventory } from '../cluster/inventory.js';
import { apiServers } from './api-servers.js';
import { calledEdges } from './called-edges.js';
import { clientEdges } from './client-edges.js';
import { componentEdges } from './component-edges.js';
import type { TrustGraph } from './graph.js';
import { openDraft } from './graph-draft.js';
import { outgoingOf } from './outgoing.js';

/** The whole graph of a cluster. What an inventory does not say leads to no edge; what cannot be seen from nodes and API at all is in `unseen`. */
export function buildGraph(inventory: Inventory): TrustGraph {
  const draft = openDraft(inventory);
  const servers = apiServers(draft);
  componentEdges(draft, servers);
  clientEdges(draft, servers, outgoingOf(inventory));
  calledEdges(draft, servers);
  for (const { place, why } of inventory.unseen ?? []) draft.unseen(`${place}: ${why}`);
  for (const sentence of never) draft.unseen(sentence);
  return draft.done();
}

/** What no scan of nodes and API can find: for people to do. */
const never = [
  'Kubeconfigs and copies of the CA outside of the cluster (people, CI, GitOps, monitoring, backup): hand them both CAs before the signer is switched, and new client certificates before the outgoing CA is dropped.',
  'Sources from which files and objects are written again (Ansible, Puppet, consul-template, Argo CD, Flux, Helm values): put the same bundles there, or they take the change back.',
  'Health checks of a load balancer that verify the API servers, and identity providers that verify tokens (OIDC, cloud IAM, Vault): tell their owners.',
] as const;
