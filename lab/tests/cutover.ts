/** A cutover of the hard-way lab as it is seen from outside: by clients of the API, customers of an application, and the pods themselves. */

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import type { Lab } from '../lab.js';
import { type Stall, watchMachine } from '../probes/machine.js';
import { startApiClients } from './api-clients.js';
import type { ApiOutages } from './api-outage.js';
import { type ApplicationFelt, describeApplication, startApplicationClient } from './application-client.js';
import { evictionsSince } from './events.js';
import type { Milestone } from './milestones.js';
import { type PodLife, podLives } from './pod-lives.js';
import type { TimedFact } from './program.js';

export const cutoverPlaybook = 'hard-way-cutover';

/** At most so long may the API be away, on each way. */
export const limitAwaySeconds = 30;

export interface CutoverSeen {
  readonly api: ApiOutages;
  /** No token, not rolled: nothing of it may be lost. */
  readonly shop: ApplicationFelt;
  /** The same shop, asked through two pods that live on a token and are rolled. */
  readonly ingress: ApplicationFelt;
  readonly stalls: readonly Stall[];
}

export interface CutoverWatch {
  readonly milestones: Readonly<Record<string, Milestone>>;
  /** Ends all clients. */
  end(): Promise<CutoverSeen>;
  /** Of the pods, since the watch began: to be asked once the administrator's kubeconfig is good again. */
  pods(): Promise<{ readonly before: readonly PodLife[]; readonly after: readonly PodLife[]; readonly evicted: readonly string[] }>;
}

const nodePorts = { shop: 30080, ingress: 30081 } as const;

export async function watchCutover(lab: Lab, folder: string): Promise<CutoverWatch> {
  const clients = await startApiClients(lab, folder);
  const machine = await watchMachine(lab, join(folder, 'probes'));
  const before = await podLives(lab);
  const sinceMs = Date.now();
  const shop = await startApplicationClient(lab, { nodePort: nodePorts.shop, held: true });
  const ingress = await startApplicationClient(lab, { nodePort: nodePorts.ingress, path: '/shop/shop/', held: false });
  return {
    milestones: clients.milestones,
    async end() {
      const [shopFelt, ingressFelt] = await Promise.all([shop.end(), ingress.end()]);
      const api = await clients.end();
      return { api, shop: shopFelt, ingress: ingressFelt, stalls: await machine.end() };
    },
    async pods() {
      return { before, after: await podLives(lab), evicted: await evictionsSince(lab, sinceMs) };
    },
  };
}

export function describeApplications({ shop, ingress, stalls }: CutoverSeen): string {
  return `the shop: ${describeApplication(shop, stalls)}\nthe shop through the ingress, which is rolled: ${describeApplication(ingress, stalls)}`;
}

/** Seconds from the first target that begins with a step to the last that is through with another. */
export function secondsBetween(facts: readonly TimedFact[], first: string, last: string): number {
  const from = facts.find(({ fact }) => fact.type === 'step.marked' && fact.step === first && fact.mark === 'applying')?.atMs;
  const to = facts.findLast(({ fact }) => fact.type === 'step.marked' && fact.step === last && fact.mark === 'verified')?.atMs;
  return from === undefined || to === undefined ? Number.NaN : (to - from) / 1000;
}

interface PlaybookFile {
  readonly steps: readonly { readonly name: string }[];
}

/** A copy of the playbook that waits before these steps too: step to name of the gate. */
export function playbookWithGates(folder: string, gates: Readonly<Record<string, string>>): string {
  const source = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'playbooks', `${cutoverPlaybook}.yaml`);
  const playbook = parse(readFileSync(source, 'utf8')) as PlaybookFile;
  const steps = playbook.steps.map((step) => {
    const name = gates[step.name];
    return name === undefined ? step : { ...step, gate: { name, question: 'Go on?' } };
  });
  const file = join(folder, `${cutoverPlaybook}-in-parts.yaml`);
  writeFileSync(file, stringify({ ...playbook, steps }));
  return file;
}
