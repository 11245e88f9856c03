/** Asks again whether what a run has proved still holds: the newest step of each kind that is proved, on each target. Reads only. */

import { nodesWith } from '../domain/cluster/inventory.js';
import { type Failure, failuresOf } from '../domain/errors.js';
import { systemClock } from '../engine/system-clock.js';
import { holdIncomingCredential } from '../operations/engine-credential.js';
import { artefactNames } from '../operations/run-files.js';
import type { AnyStepKind } from '../ports/step-kind.js';
import { scanCluster } from '../scan/scan-cluster.js';
import { stepKinds } from '../steps/index.js';
import { overviewOf } from './list-runs.js';
import { openRunFolder } from './run-folder.js';
import { siteFactory } from './site.js';
import { openWorld } from './world.js';

export interface Verified {
  readonly step: string;
  readonly target: string;
  readonly failures: readonly Failure[];
}

export interface VerifyOptions {
  readonly stateDir: string;
  readonly run: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  onResult(result: Verified): void;
}

/** Returns how many proofs do not hold. Throws what opening the world throws. */
export async function verifyRun(options: VerifyOptions): Promise<number> {
  const { plan, progress } = overviewOf(options.stateDir, options.run);
  const folder = openRunFolder(options.stateDir, options.run);
  const world = await openWorld({ settings: plan.settings, env: options.env });
  try {
    const issuer = await world.issuer();
    const artefacts = folder.artefacts(progress.attempt);
    const incoming = artefacts.get(artefactNames.incomingCa);
    if (incoming !== undefined) {
      world.access.trustAlso(incoming);
      const { access, roleIssuer } = world;
      await holdIncomingCredential({ artefacts, issuer, roleIssuer, signal: options.signal, target: nodesWith(plan.inventory, 'control-plane')[0]?.name ?? 'cluster', access });
    }
    const siteOf = siteFactory({
      run: options.run,
      world,
      issuer,
      checkpoints: folder.checkpoints(plan.settings),
      artefacts: (n) => folder.artefacts(n),
      observe: () => scanCluster({ hosts: world.hosts, shells: world.shells, kube: world.access.kube(), signal: options.signal, now: Date.now }),
    });
    let bad = 0;
    for (const { step, targets } of newestOfEachKind(plan.steps, progress.marks)) {
      const kind = stepKinds.get(step.kind) as AnyStepKind;
      for (const target of targets) {
        const site = siteOf(plan, step, target, {
          phase: 'verify',
          direction: 'forward',
          attempt: progress.attempt,
          signal: options.signal,
          deadlineAtMs: Date.now() + Math.min(step.deadlineMs, 60_000),
          now: () => Date.now(),
          wait: (ms) => systemClock.wait(ms, { signal: options.signal }),
          tell: () => undefined,
        });
        const failures = await kind.verify(site, kind.params.parse(step.params)).catch(expected);
        options.onResult({ step: step.id, target, failures });
        if (failures.length > 0) bad += 1;
      }
    }
    return bad;
  } finally {
    await world.close();
  }
}

function expected(error: unknown): readonly Failure[] {
  const failures = failuresOf(error);
  if (failures === undefined) throw error;
  return failures;
}

type Marks = Awaited<ReturnType<typeof overviewOf>>['progress']['marks'];
type Steps = Awaited<ReturnType<typeof overviewOf>>['plan']['steps'];

/**
 * A later step of a kind replaces what an earlier one has proved on the same target; where it says which component it is about, of that one.
 * What is staged has no more to say once it has been removed.
 */
function newestOfEachKind(steps: Steps, marks: Marks): { step: Steps[number]; targets: string[] }[] {
  const taken = new Set<string>();
  const isRemoved = steps.some(({ id, kind, targets }) => stepKinds.get(kind)?.staged === 'removes' && targets.every((target) => marks[id]?.[target]?.mark === 'verified'));
  const found = [...steps].reverse().map((step) => {
    if (isRemoved && stepKinds.get(step.kind)?.staged === 'proves') return { step, targets: [] };
    const about = step.kind === 'reissue-leaves' ? step.params : (step.params as { readonly component?: string }).component;
    const targets = step.targets.filter((target) => {
      const key = `${step.kind} ${JSON.stringify(about ?? '')} ${target}`;
      if (marks[step.id]?.[target]?.mark !== 'verified' || taken.has(key)) return false;
      taken.add(key);
      return true;
    });
    return { step, targets };
  });
  return found.filter(({ targets }) => targets.length > 0).reverse();
}
