import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomically } from '../atomic-file.js';
import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';
import type { Stages } from '../stages.js';

/** Takes the administrator's kubeconfig from the first control plane. */
export async function copyAdminKubeconfig(lab: Lab): Promise<void> {
  const [first] = lab.controlPlanes;
  if (first === undefined) throw new Error('the lab has no control plane');
  const { stdout } = await lab.onNode(first.name, `sudo cat ${lab.layout.adminKubeconfig}`);
  writeFileAtomically(lab.paths.adminKubeconfig, stdout);
}

/** Whether the admin kubeconfig is there and the API answers to it through the load balancer. */
export async function apiAnswers(lab: Lab): Promise<boolean> {
  if (!existsSync(lab.paths.adminKubeconfig) || readFileSync(lab.paths.adminKubeconfig).length === 0) return false;
  const result = await lab.kubectl(['get', '--raw', '/readyz', '--request-timeout=5s'], { allowFailure: true, timeoutMs: 10_000 });
  return result.code === 0;
}

/** Waits for the API, if it does not answer yet. */
export async function bringUpApi(lab: Lab, stages: Stages): Promise<void> {
  if (await apiAnswers(lab)) return;
  await stages.run('API', async () => {
    // After a rotation the copy that we have is of a CA that nobody trusts any more; a control plane has the right one.
    await copyAdminKubeconfig(lab);
    await waitFor('the API behind the load balancer', { timeoutMs: 10 * 60_000, everyMs: 500 }, async () => ((await apiAnswers(lab)) ? true : 'not ready'));
    return true;
  });
}
