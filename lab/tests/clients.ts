/** The clients of a rotation: probers of every class, and what their owners do at the moments that the playbook names. */

import { join } from 'node:path';
import type { Plan } from '../../src/domain/plan/plan.js';
import { writeFileAtomically } from '../atomic-file.js';
import type { Lab } from '../lab.js';
import { incomingLeafClass, prepareOutgoingClasses, publishedBundle } from '../probes/classes.js';
import { proberGroup } from '../probes/probed-objects.js';
import { type Prober, startProber } from '../probes/prober.js';
import { handOffExternalClient } from '../workloads/external-client.js';
import { incomingClientLeaf, incomingIssuer } from './incoming-ca.js';
import { lastStepBefore, type Milestone, stepNamed } from './milestones.js';

export interface Clients {
  readonly prober: Prober;
  /** What the owners do, and when. */
  readonly milestones: (plan: Pick<Plan, 'steps'>) => Readonly<Record<string, Milestone>>;
}

/** Starts the probers while the cluster still knows the outgoing CA only. */
export async function startClients(lab: Lab, folder: string): Promise<Clients> {
  const material = join(folder, 'material');
  const outgoing = await prepareOutgoingClasses(lab, material);
  const prober = await startProber({ lab, outDir: join(folder, 'probes'), classes: [outgoing.kubeconfig, outgoing.token, outgoing.leaf] });
  const incomingCaFile = join(material, 'incoming-leaf.ca.crt');

  /** The gate before the signer switch says it: clients outside of the cluster must trust both CAs from here on. */
  async function handOff(): Promise<void> {
    const both = await publishedBundle(lab);
    writeFileAtomically(outgoing.leaf.caFile, both);
    await prober.stopClass(outgoing.kubeconfig.name);
    await handOffExternalClient(lab);
  }

  async function startIncomingLeaf(): Promise<void> {
    const leaf = await incomingClientLeaf(lab, { subject: `/O=${proberGroup}/CN=prober-incoming-leaf`, folder: material, name: 'prober-incoming-leaf' });
    writeFileAtomically(incomingCaFile, await publishedBundle(lab));
    await prober.addClass(incomingLeafClass({ caFile: incomingCaFile, ...leaf }));
  }

  async function trustIncomingOnly(): Promise<void> {
    writeFileAtomically(incomingCaFile, `${(await incomingIssuer(lab)).certificatePem.trim()}\n`);
  }

  return {
    prober,
    milestones: (plan) => ({
      'hand-off of the clients outside': { when: 'begins', step: stepNamed('roll-workloads'), act: handOff },
      'a client with a leaf of the incoming CA': { when: 'verified', step: stepNamed('servers-trust-both'), act: startIncomingLeaf },
      'a client that trusts the incoming CA only': { when: 'verified', step: stepNamed('reissue-apiserver'), act: trustIncomingOnly },
      'end of the client with a leaf of the outgoing CA': { when: 'verified', step: lastStepBefore(plan, 'distrust'), act: () => prober.stopClass(outgoing.leaf.name) },
    }),
  };
}
