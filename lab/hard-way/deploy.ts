import type { Lab } from '../lab.js';
import { buildWorkloads, type Report } from '../workloads/build.js';
import { deployWorkloads } from '../workloads/deploy.js';
import { applyObjects } from '../workloads/kube-objects.js';
import { importImages } from '../workloads/node-images.js';
import { applicationFoundation, applicationObjects, tenantObjects, tokensOfApplications } from './applications.js';
import { buildHardWayImage } from './build.js';
import { waitForTokens } from './cluster.js';

/** As many token Secrets as a grown cluster has, for all of which the cutover makes new tokens. */
const tokenSecrets = { count: 300, perNamespace: 30 };

/** Everything that runs on the hard-way cluster: what feels a rotation in every lab, and what the article is about. */
export async function deployOnHardWay(lab: Lab, report: Report): Promise<void> {
  await deployWorkloads(lab, { tokenSecrets, report });
  const image = await buildHardWayImage(lab.paths, 'applications', report);
  await importImages(lab, [image], report);
  await applyObjects(lab, applicationFoundation());
  await waitForTokens(lab, tokensOfApplications());
  const felt = (await buildWorkloads(lab)).find(({ language }) => language === 'go');
  if (felt === undefined) throw new Error('the Go program of the workloads was not built');
  await applyObjects(lab, [...applicationObjects(image.reference), ...tenantObjects(felt.reference)]);
  // Right after they were applied there is no pod yet that could be found not Ready.
  const available = ['wait', 'deployments', '--all', '--all-namespaces', '--for=condition=Available', '--timeout=600s'];
  await lab.kubectl(available, { timeoutMs: 620_000 });
}
