/** A rehearsal: a staging cluster, a plan for it, the whole run, and what came of it. The production code is the one that works; only the cluster is staging. */

import { readFileSync } from 'node:fs';
import type { Failure } from '../domain/errors.js';
import { nodesWith } from '../domain/cluster/inventory.js';
import type { Plan } from '../domain/plan/plan.js';
import { recordsOf } from '../domain/pki/certificate.js';
import { credentialOfIncoming } from '../operations/identity-probe.js';
import { artefactNames } from '../operations/run-files.js';
import type { JournalLine } from '../ports/journal.js';
import type { Felt } from '../staging/messages.js';
import type { SweepResult } from '../staging/sweep.js';
import { drive, type Driven, type DriveOptions } from './drive.js';
import { planFor } from './make-plan.js';
import { paceOf } from './pace.js';
import { type Availability, frontPlace, placesOf, watchAvailability } from './rehearse-availability.js';
import { isCutover, longest } from './rehearse-outages.js';
import { type Check, type CheckWorld, credentialIn, letsIn, letsTokenIn, verifiesWith } from './rehearse-checks.js';
import type { StagingProcess } from './rehearse-process.js';
import { rehearsalEnv, rehearsalSettings } from './rehearse-settings.js';
import { createRunFolder, type RunFolder } from './run-folder.js';
import { openWorld, type World } from './world.js';

export interface RehearseOptions {
  readonly staging: StagingProcess;
  readonly playbookFile: string;
  /** Of the staging cluster: what it does sooner is looked for sooner. */
  readonly speed: number;
  readonly env: NodeJS.ProcessEnv;
  readonly name: string;
  readonly by: string;
  readonly signal: AbortSignal;
  readonly interrupts: DriveOptions['interrupts'];
  onPlan(plan: Plan): void;
  onLine(line: JournalLine, availability: Availability): void;
  onWarning(warning: Failure): void;
}

export interface DescribedCa {
  readonly fingerprint: string;
  readonly subject: string;
}

export interface Rehearsal {
  readonly plan: Plan;
  readonly view: Driven['view'];
  readonly tookMs: number;
  readonly availability: Availability;
  readonly checks: readonly Check[];
  /** undefined if the run did not get so far. */
  readonly sweep: SweepResult | undefined;
  readonly pods: Felt;
  readonly outgoing: DescribedCa | undefined;
  readonly incoming: DescribedCa | undefined;
  /** undefined: the plan never takes the API away on purpose, and no request may fail. */
  readonly cutover: { readonly awayMs: number; readonly unservedMs: number } | undefined;
  /** In the words of the run: where the outgoing CA still is. */
  readonly report: string;
}

/** Each place in its turn. */
const probeEveryMs = 150;

/** Throws what planning and driving throw. A run that halts is no exception: `view` says so. */
export async function rehearse(options: RehearseOptions): Promise<Rehearsal> {
  const { staging, signal } = options;
  const { operator } = staging.started;
  const settings = await rehearsalSettings(operator);
  const env = rehearsalEnv(operator, options.env);
  const plan = await planFor({ playbookFile: options.playbookFile, settings, env, name: options.name, now: Date.now(), signal });
  options.onPlan(plan);
  const folder = createRunFolder(settings.stateDir, plan.name, plan);
  const world = await openWorld({ settings, env });
  const before = readFileSync(operator.kubeconfig, 'utf8');
  const availability = watchAvailability({ places: placesOf(plan), ...operator.tokenClient, everyMs: probeEveryMs });
  const startedAt = Date.now();
  const checks: Check[] = [];
  const cutsOver = isCutover(plan);
  try {
    const driven = await drive({
      folder,
      env,
      by: options.by,
      ask: 'submit',
      autoApprove: false,
      // Nobody there has a copy to hand over for: what would be named are the rehearsal's own clients.
      withoutAcks: true,
      // Nobody is asked in a rehearsal: what an operator would look at before saying yes is looked at here.
      async askGate(view) {
        // In a cutover there is no moment at which both CAs are trusted.
        if (!cutsOver) checks.push(...(await mixedChecks({ world, folder, plan, before, attempt: view.progress.attempt, isLast: view.gate?.name === 'distrust' })));
        return true;
      },
      onLine: (line) => options.onLine(line, availability),
      onWarning: options.onWarning,
      lockTimeoutMs: 0,
      pace: paceOf({ speed: options.speed, nodes: plan.inventory.nodes.length }),
      interrupts: options.interrupts,
    });
    const tookMs = Date.now() - startedAt;
    const artefacts = folder.artefacts(driven.view.progress.attempt);
    const incomingCa = artefacts.get(artefactNames.incomingCa);
    const outgoingCa = artefacts.get(artefactNames.outgoingCa);
    const isDone = driven.view.value === 'succeeded' && incomingCa !== undefined && outgoingCa !== undefined;
    if (isDone)
      checks.push(
        ...(await finalChecks({
          world,
          checkWorld: { inventory: plan.inventory, outgoingCa, incomingCa },
          before,
          tokenFile: operator.tokenClient.tokenFile,
          adminKubeconfig: operator.adminKubeconfig,
        })),
      );
    const sweep = isDone ? await staging.ask('sweep', { caPem: outgoingCa }) : undefined;
    await availability.stop();
    const { away, unserved } = longest(availability.outages(), frontPlace, Date.now());
    return {
      plan,
      view: driven.view,
      tookMs,
      availability,
      checks,
      sweep,
      pods: await staging.ask('counters', {}),
      outgoing: outgoingCa === undefined ? undefined : describeCa(outgoingCa),
      incoming: incomingCa === undefined ? undefined : describeCa(incomingCa),
      cutover: cutsOver ? { awayMs: away, unservedMs: unserved } : undefined,
      report: artefacts.get(artefactNames.finalReport) ?? '',
    };
  } finally {
    await availability.stop();
    await world.close();
  }
}

/** While both CAs are trusted both kinds of client must get in. */
async function mixedChecks(at: { world: World; folder: RunFolder; plan: Plan; before: string; attempt: number; isLast: boolean }): Promise<Check[]> {
  const artefacts = at.folder.artefacts(at.attempt);
  const [outgoingCa, incomingCa] = [artefacts.get(artefactNames.outgoingCa), artefacts.get(artefactNames.incomingCa)];
  if (outgoingCa === undefined || incomingCa === undefined) return [];
  const world: CheckWorld = { inventory: at.plan.inventory, outgoingCa, incomingCa };
  const incoming = await credentialOfIncoming(
    { artefacts, issuer: await at.world.issuer(), roleIssuer: at.world.roleIssuer, signal: new AbortController().signal, target: 'cluster' },
    { commonName: 'rehearsal', organizations: [], ttlMs: 10 * 60_000 },
  );
  const when = at.isLast ? 'before distrust' : 'before the signer switch';
  return Promise.all([
    letsIn(world, 'mixed', `${when}, a certificate of the outgoing CA`, credentialIn(at.before), true),
    letsIn(world, 'mixed', `${when}, a certificate of the incoming CA`, incoming, true),
    ...(at.isLast
      ? [verifiesWith(world, 'mixed', `the incoming CA alone, ${when},`, incomingCa, true)]
      : [verifiesWith(world, 'mixed', `the outgoing CA alone, ${when},`, outgoingCa, true)]),
  ]);
}

async function finalChecks(at: { world: World; checkWorld: CheckWorld; before: string; tokenFile: string; adminKubeconfig: string }): Promise<Check[]> {
  const { checkWorld } = at;
  const first = nodesWith(checkWorld.inventory, 'control-plane')[0]?.name ?? '';
  const admin = await at.world.shells.to(first).readFile(at.adminKubeconfig, { deadlineMs: 20_000 });
  const name = at.adminKubeconfig.split('/').at(-1) ?? '';
  return Promise.all([
    letsIn(checkWorld, 'positive', `${name} of the incoming CA`, credentialIn(Buffer.from(admin?.bytes ?? '').toString('utf8')), true),
    letsTokenIn(checkWorld, at.tokenFile),
    verifiesWith(checkWorld, 'positive', 'the incoming CA alone', checkWorld.incomingCa, true),
    letsIn(checkWorld, 'negative', `${name} of the outgoing CA`, credentialIn(at.before), false),
    verifiesWith(checkWorld, 'negative', 'the outgoing CA alone', checkWorld.outgoingCa, false),
  ]);
}

function describeCa(pem: string): DescribedCa {
  const [record] = recordsOf(pem);
  return { fingerprint: record?.fingerprint ?? '', subject: record?.subject ?? '' };
}
