/** Builds the Site that a step kind works on. */

import { fail } from '../domain/errors.js';
import type { Inventory } from '../domain/cluster/inventory.js';
import { wholeCluster } from '../domain/plan/plan.js';
import type { SiteOf } from '../engine/perform.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { Issuer } from '../ports/issuer.js';
import type { NodeShell } from '../ports/node-shell.js';
import type { Artefacts } from '../ports/artefacts.js';
import { type Pace, pauseAt } from './pace.js';
import type { World } from './world.js';

export interface SiteParts {
  readonly run: string;
  readonly world: World;
  readonly issuer: Issuer;
  readonly checkpoints: Checkpoints;
  artefacts(attempt: number): Artefacts;
  observe(): Promise<Inventory>;
  /** Of the pauses between looks at what is waited for. Default 1; more only where the cluster is as much faster. */
  readonly pace?: Pace;
}

export function siteFactory(parts: SiteParts): SiteOf {
  return (plan, step, target, control) => ({
    target,
    run: { id: parts.run, attempt: control.attempt },
    step,
    plan,
    inventory: plan.inventory,
    shell: target === wholeCluster ? noShell(step.kind) : parts.world.shells.to(target),
    shells: parts.world.shells,
    access: parts.world.access,
    issuer: parts.issuer,
    roleIssuer: (roles) => parts.world.roleIssuer(roles),
    tls: parts.world.tls,
    artefacts: parts.artefacts(control.attempt),
    checkpoints: parts.checkpoints,
    signal: control.signal,
    deadlineAtMs: control.deadlineAtMs,
    now: control.now,
    wait: (ms) => control.wait(pauseAt(parts.pace ?? 1, ms)),
    tell: control.tell,
    observe: () => parts.observe(),
  });
}

/** A step of the whole cluster has no node of its own; that it asks for one is a defect. */
function noShell(kind: string): NodeShell {
  const refuse = (): never => fail('internal', { target: wholeCluster, summary: `the kind ${kind} asked for a shell of the whole cluster`, nextAction: 'Report this defect.' });
  return { node: wholeCluster, run: refuse, must: refuse, readFile: refuse, readFiles: refuse, replaceFile: refuse, replaceFiles: refuse, replaceLink: refuse, removeFile: refuse };
}
