/** About how long a step takes where nothing goes wrong, for the reader of a plan: figures of the lab (kubeadm 1.34, quiet). Pure. */

import type { PlannedStep } from './plan.js';

/** Seconds: once, and for each of its targets where these come one after the other. */
const figures: Readonly<Record<string, readonly [once: number, each: number]>> = {
  'check-nodes': [3, 0],
  'check-cluster': [3, 0],
  'back-up-nodes': [5, 0],
  'back-up-cluster': [8, 0],
  'issue-ca': [3, 0],
  'renew-control-plane': [2, 8],
  'await-publication': [3, 0],
  'await-volumes': [75, 0],
  'set-server-trust': [10, 0],
  'extension-trust': [3, 0],
  'hold-credential': [2, 0],
  'renew-admins': [1, 1],
  'renew-kubelets': [7, 0],
  'update-objects': [2, 0],
  'roll-workloads': [45, 0],
  'switch-signer': [4, 0],
  'reissue-leaves': [5, 0],
  'restart-etcd': [2, 10],
  'put-in-place': [2, 0],
  'restart-units': [5, 0],
  'set-units': [3, 0],
  'clear-service-account-tokens': [30, 0],
  'verify-distrust': [15, 0],
};

/** Milliseconds. */
export function expectedMs({ kind, targets, params }: Pick<PlannedStep, 'kind' | 'targets' | 'params'>): number {
  if (params.on === 'back') return 0;
  const [once, each] = figures[kind] ?? [2, 0];
  return (once + each * targets.length) * 1000;
}
