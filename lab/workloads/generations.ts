import type { Lab } from '../lab.js';

/** What `kubectl apply` would have changed. */
const versions = ['get', 'deployments,statefulsets,daemonsets', '-A', '-o', 'jsonpath={.items[*].metadata.generation}'];

/** Does the work, and says whether a workload of the cluster is another afterwards. */
export async function changesWorkloads(lab: Lab, work: () => Promise<void>): Promise<boolean> {
  const { stdout: before } = await lab.kubectl(versions);
  await work();
  return (await lab.kubectl(versions)).stdout !== before;
}
