/** A plan is for one cluster: its kubeconfig may lead to another one by the time it is run. */

import type { Plan } from '../domain/plan/plan.js';
import { fail, failuresOf } from '../domain/errors.js';
import type { Kube } from '../ports/kube.js';

const deadlineMs = 10_000;

/** Throws plan-other-cluster. An API that does not answer is no other cluster: that it is away is found and told elsewhere. */
export async function refuseOtherCluster(kube: Kube, plan: Pick<Plan, 'inventory'>): Promise<void> {
  const uid = await uidOf(kube);
  const planned = plan.inventory.cluster;
  if (uid === undefined || uid === planned.uid) return;
  fail('plan-other-cluster', {
    target: kube.server,
    summary: 'the kubeconfig leads to another cluster than the one that was planned on',
    cause: `its namespace kube-system has the UID ${uid}, that of ${planned.server} was ${planned.uid}`,
    nextAction: 'Name the kubeconfig and context of that cluster, or run "rotate-ca plan" for this one.',
  });
}

async function uidOf(kube: Kube): Promise<string | undefined> {
  try {
    return (await kube.read({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, { deadlineMs }))?.metadata.uid;
  } catch (error) {
    if (failuresOf(error) === undefined) throw error;
    return undefined;
  }
}
