/** The way of logs and exec: API servers ask kubelets, with the pair apiserver-kubelet-client. */

import pLimit from 'p-limit';
import type { Failure } from '../domain/errors.js';
import { type NodeRecord, nodesWith } from '../domain/cluster/inventory.js';
import type { Site } from '../ports/step-kind.js';
import { apiServerOf, nodeOf } from './identity-probe.js';
import { limitsOf, waitFor } from './waiting.js';

/**
 * An API server reaches the kubelet of a node. A connection that is kept open still shows the leaf before (P5: 5 min, or the next
 * handshake), and when the new one is loaded all connections of that transport are closed, the one in use too
 * (client-go transport/cert_rotation.go): a request of that very moment gets 503, seen on 1.34. So it is asked again here, and the
 * operator's next `kubectl logs` does not meet it.
 */
export function apiServerReaches(site: Site, server: NodeRecord, node: string): Promise<Failure[]> {
  const kube = site.access.kube().at(apiServerOf(server));
  return waitFor(
    site,
    {
      what: `kube-apiserver on ${server.name} reaches the kubelet on ${node}`,
      rule: 'P5: the pair is read at the next handshake, and all connections are closed then',
      everyMs: 500,
      otherwise: { code: 'chain-broken', nextAction: 'Run "rotate-ca rollback".' },
    },
    async () => {
      const answer = await kube.get(`/api/v1/nodes/${node}/proxy/healthz`, limitsOf(site, 10_000));
      return answer.status === 200 ? true : `HTTP ${answer.status}`;
    },
  );
}

/** Every API server reaches the kubelet of the target, which has just been restarted. */
export async function everyApiServerReaches(site: Site): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const server of nodesWith(site.inventory, 'control-plane')) failures.push(...(await apiServerReaches(site, server, site.target)));
  return failures;
}

/** An API server with hundreds of nodes has its own work to do: what it cannot answer at once would look like a kubelet that it does not reach. */
const kubeletsAtOnce = 8;

/** The API server of the target reaches every kubelet. */
export async function reachesEveryKubelet(site: Site): Promise<Failure[]> {
  const inTurn = pLimit(kubeletsAtOnce);
  const answers = await Promise.all(site.inventory.nodes.map((node) => inTurn(() => apiServerReaches(site, nodeOf(site), node.name))));
  return answers.flat();
}
