/** How long kube-controller-manager takes to make tokens again. */

import { type Inventory, nodesWith } from '../domain/cluster/inventory.js';

/** The live Secret is read, then written (k/k pkg/controller/serviceaccount/tokens_controller.go generateTokenIfNeeded). */
const callsPerToken = 2;
/** k/k cmd/kube-controller-manager/app/options: --kube-api-qps, --kube-api-burst. The token controller has a client, and so a limit, of its own. */
const defaults = { 'kube-api-qps': 20, 'kube-api-burst': 30 } as const;

export interface Pace {
  /** Calls to the API a second: the least that a kube-controller-manager of the cluster has. */
  readonly callsPerSecond: number;
  readonly tokensPerSecond: number;
  /** For all of them, rounded up. */
  readonly seconds: number;
}

export function paceOf(inventory: Inventory, tokens: number): Pace {
  const qps = leastOf(inventory, 'kube-api-qps');
  const burst = leastOf(inventory, 'kube-api-burst');
  return { callsPerSecond: qps, tokensPerSecond: qps / callsPerToken, seconds: Math.ceil(Math.max(0, tokens * callsPerToken - burst) / qps) };
}

/** Any of them may lead. A flag that is no number above 0 sets no limit that could be told: the default is told then. */
function leastOf(inventory: Inventory, flag: keyof typeof defaults): number {
  const given = nodesWith(inventory, 'control-plane').map(({ components }) =>
    Number(components.find(({ name }) => name === 'kube-controller-manager')?.flags[flag] ?? defaults[flag]),
  );
  const usable = given.filter((value) => value > 0);
  return usable.length === 0 ? defaults[flag] : Math.min(...usable);
}
