/** The clients of a rotation: probers of every class, and what their owners do at the moments that the playbook names. */

import { join } from 'node:path';
import type { Plan } from '../../src/domain/plan/plan.js';
import { writeFileAtomically } from '../atomic-file.js';
import type { Lab } from '../lab.js';
import { type Blame, blame } from '../probes/blame.js';
import { incomingLeafClass, prepareOutgoingClasses, publishedBundle } from '../probes/classes.js';
import { type Stall, watchMachine } from '../probes/machine.js';
import { proberGroup } from '../probes/probed-objects.js';
import { type Prober, startProber } from '../probes/prober.js';
import { readFailures } from '../probes/raw-log.js';
import type { ProbeSummary } from '../probes/summary.js';
import { handOffExternalClient } from '../workloads/external-client.js';
import { incomingClientLeaf, incomingIssuer } from './incoming-ca.js';
import { lastStepBefore, type Milestone, stepNamed } from './milestones.js';

/** What the probers saw, and the machine beside them. */
export interface Probed {
  readonly summary: ProbeSummary;
  readonly failed: Blame;
  readonly stalls: readonly Stall[];
}

export interface Clients {
  /** Ends them and gives the complete count. */
  end(): Promise<Probed>;
  /** What the owners do, and when. */
  readonly milestones: (plan: Pick<Plan, 'steps'>) => Readonly<Record<string, Milestone>>;
}

/** Starts the probers while the cluster still knows the outgoing CA only. */
export async function startClients(lab: Lab, folder: string): Promise<Clients> {
  const material = join(folder, 'material');
  const outgoing = await prepareOutgoingClasses(lab, material);
  const outDir = join(folder, 'probes');
  const prober: Prober = await startProber({ lab, outDir, classes: [outgoing.kubeconfig, outgoing.token, outgoing.leaf] });
  const machine = await watchMachine(lab, outDir);
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
    async end() {
      const summary = await prober.end();
      const stalls = await machine.end();
      return { summary, stalls, failed: blame(await readFailures(prober.rawLog), stalls) };
    },
    milestones: (plan) => ({
      'hand-off of the clients outside': { when: 'begins', step: stepNamed('roll-workloads'), act: handOff },
      'a client with a leaf of the incoming CA': { when: 'verified', step: stepNamed('servers-trust-both'), act: startIncomingLeaf },
      'a client that trusts the incoming CA only': { when: 'verified', step: stepNamed('reissue-apiserver'), act: trustIncomingOnly },
      'end of the client with a leaf of the outgoing CA': { when: 'verified', step: lastStepBefore(plan, 'distrust'), act: () => prober.stopClass(outgoing.leaf.name) },
    }),
  };
}

/** One failure more than one in ten thousand that is the machine's own, and it is no place to measure on. */
const mostOfMachine = 1 / 10_000;

/** For a test to hold against `nothingFelt`: a failure is printed with all that is known of it. */
export function feltOf({ summary, failed }: Probed): unknown {
  return {
    complete: summary.complete,
    failedByTheCluster: failed.cluster,
    isMachineGoodEnough: failed.machine.length <= summary.sent * mostOfMachine,
  };
}

export const nothingFelt = { complete: true, failedByTheCluster: [], isMachineGoodEnough: true };

export function describeMachine({ summary, failed, stalls }: Probed): string {
  const of = (what: Stall['what']): string => {
    const times = stalls.filter((stall) => stall.what === what).map(({ ms }) => ms);
    return `${what} ${times.length} (longest ${Math.max(0, ...times).toFixed(0)} ms)`;
  };
  return [
    `probes: ${summary.sent} sent, ${failed.cluster.length} failed, and ${failed.machine.length} ran into their deadline while the machine stood still; stalls of the machine: ${of('processor')}, ${of('disk')}`,
    ...[...failed.cluster, ...failed.machine].slice(0, 20).map((probe) => `  ${JSON.stringify(probe)}`),
  ].join('\n');
}
