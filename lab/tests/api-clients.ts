/** Clients of the API through a cutover, in which nothing trusts both CAs but they: one presents a leaf of before, one of after. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { issuedLeaf } from '../hard-way/issue-leaves.js';
import type { Lab } from '../lab.js';
import { labTargets, loadBalancerTarget, type ProbeLane } from '../probes/config.js';
import { probedObjects, proberGroup, readPath, writePaths } from '../probes/probed-objects.js';
import { startProber } from '../probes/prober.js';
import { applyObjects } from '../workloads/kube-objects.js';
import { type ApiOutages, outagesIn } from './api-outage.js';
import { incomingClientLeaf, incomingIssuer, outgoingClientLeaf } from './incoming-ca.js';
import { type Milestone, stepNamed } from './milestones.js';

export interface ApiClients {
  /** Once Vault has the incoming root: from then on there is a client with a leaf of it. */
  readonly milestones: Readonly<Record<string, Milestone>>;
  end(): Promise<ApiOutages>;
}

const everyMs = 100;
/** Both write the same objects: only one of them is let in at a time. */
const written = 'outside';

/** Each API server and the load balancer is asked ten times a second by each client, on a new connection each time. */
export async function startApiClients(lab: Lab, folder: string): Promise<ApiClients> {
  const material = join(folder, 'material');
  mkdirSync(material, { recursive: true, mode: 0o700 });
  await applyObjects(lab, probedObjects([written]));
  const caFile = join(material, 'trusted.pem');
  const trusted = [issuedLeaf(lab, 'admin').authority.trim()];
  const trust = (): void => writeFileAtomically(caFile, `${trusted.join('\n')}\n`);
  trust();
  const paths = { readPath, writePaths: writePaths(written) };
  const wanted = (name: string) => ({ subject: `/O=${proberGroup}/CN=${name}`, folder: material, name });
  const targets = labTargets(lab);
  const lanes: ProbeLane[] = [
    { name: 'fresh', kind: 'fresh', everyMs, targets: Object.keys(targets), over: { classes: 'each', targets: 'each' } },
    { name: 'write-lb', kind: 'write', everyMs, targets: [loadBalancerTarget], over: { classes: 'each', targets: 'each' } },
  ];
  const outgoing = { name: 'outgoing-leaf', caFile, ...(await outgoingClientLeaf(lab, wanted('outgoing-leaf'))), ...paths };
  const prober = await startProber({ lab, outDir: join(folder, 'probes'), classes: [outgoing], lanes });

  let incomings = 0;
  async function addIncoming(): Promise<void> {
    const name = `incoming-leaf-${++incomings}`;
    const leaf = await incomingClientLeaf(lab, wanted(name));
    const { certificatePem } = await incomingIssuer(lab);
    writeFileSync(join(material, `${name}.ca.pem`), certificatePem);
    trusted.push(certificatePem.trim());
    trust();
    await prober.addClass({ name, caFile, ...leaf, ...paths });
  }

  return {
    milestones: { 'a client with a leaf of the incoming CA': { when: 'verified', step: stepNamed('issue-root'), act: addIncoming } },
    async end() {
      await prober.end();
      return outagesIn(prober.rawLog);
    },
  };
}
