/** The lives of all pods: whether each that nobody rolled is the same one, with no container of it restarted. */

import type { Lab } from '../lab.js';
import { getJson } from '../workloads/kube-objects.js';
import type { TimedFact } from './program.js';
import { waitTimes } from './run-figures.js';

export interface PodLife {
  readonly name: string;
  readonly uid: string;
  /** Of its containers, added up. */
  readonly restarts: number;
  /** `Deployment shop/shop`. */
  readonly workload: string;
}

interface PodList {
  readonly items: readonly {
    readonly metadata: {
      readonly namespace: string;
      readonly name: string;
      readonly uid: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    };
    readonly status: Readonly<Record<'containerStatuses' | 'initContainerStatuses', readonly { readonly restartCount: number }[] | undefined>>;
  }[];
}

export async function podLives(lab: Lab): Promise<readonly PodLife[]> {
  const { items } = await getJson<PodList>(lab, ['pods', '-A']);
  return items.map(({ metadata: { namespace, name, uid, labels, ownerReferences }, status }) => {
    const [owner] = ownerReferences ?? [];
    // The name of a ReplicaSet is that of its Deployment, and a hash.
    const hash = labels?.['pod-template-hash'];
    const workload =
      owner === undefined
        ? `Pod ${namespace}/${name}`
        : hash === undefined
          ? `${owner.kind} ${namespace}/${owner.name}`
          : `Deployment ${namespace}/${owner.name.slice(0, -hash.length - 1)}`;
    const containers = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
    return { name: `${namespace}/${name}`, uid, restarts: containers.reduce((sum, { restartCount }) => sum + restartCount, 0), workload };
  });
}

/** Of a run: each workload whose pods it has made anew, as `Deployment shop/shop`. */
export function rolledIn(facts: readonly TimedFact[]): ReadonlySet<string> {
  return new Set(waitTimes(facts).flatMap(({ what }) => (what.endsWith(' has rolled') ? [what.slice(0, -' has rolled'.length)] : [])));
}

/** In words, a line each; none if nothing happened to any pod that was not rolled. */
export function troubleOfPods(before: readonly PodLife[], after: readonly PodLife[], rolled: ReadonlySet<string>): string[] {
  const now = new Map(after.map((pod) => [pod.uid, pod]));
  return before
    .filter(({ workload }) => !rolled.has(workload))
    .flatMap(({ name, uid, restarts, workload }) => {
      const pod = now.get(uid);
      if (pod === undefined) return [`${name} (${workload}) is gone`];
      return pod.restarts === restarts ? [] : [`${name} (${workload}) was restarted ${pod.restarts - restarts} times`];
    });
}
