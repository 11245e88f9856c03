/** Plans and sites for tests of the engine: only what a run looks at. */

import { createHash } from 'node:crypto';
import type { Plan, PlannedStep } from '../../src/domain/plan/plan.js';
import type { SiteOf } from '../../src/engine/perform.js';
import type { Site } from '../../src/ports/step-kind.js';

/** A step with everything that a test does not care about filled in. */
export function stepWith(step: Pick<PlannedStep, 'id' | 'kind' | 'targets'> & Partial<PlannedStep>): PlannedStep {
  return { title: step.id, params: {}, deadlineMs: 60_000, ifItFails: '', rollback: '', ...step };
}

/** A plan of these steps; its digest is one of the steps. */
export function planOf(steps: readonly PlannedStep[]): Plan {
  return {
    apiVersion: 'rotate-ca/v1',
    kind: 'Plan',
    name: 'test',
    createdAt: '2026-01-01T00:00:00Z',
    tool: 'rotate-ca test',
    playbook: { file: 'test.yaml', sha256: '' },
    settings: { inventoryFile: '', kubeconfig: '', context: '', vault: { address: '', mount: '' }, recipients: [], identityFile: '', stateDir: '' },
    inventory: { apiVersion: 'rotate-ca/v1', kind: 'Inventory', takenAt: '2026-01-01T00:00:00Z', cluster: { uid: 'u', server: '', version: '' }, nodes: [], objects: [] },
    steps,
    dropped: [],
    digest: createHash('sha256').update(JSON.stringify(steps)).digest('hex'),
  };
}

/** Sites that have what comes from the engine, and no ports: a fake kind that asks for one is told so. */
export const bareSiteOf: SiteOf = (plan, step, target, control) => {
  const site = { target, run: { id: 'test', attempt: control.attempt }, step, plan, inventory: plan.inventory, ...control };
  return new Proxy(site, {
    get(of, name, receiver) {
      if (!(name in of)) throw new Error(`a fake site has no "${String(name)}"`);
      return Reflect.get(of, name, receiver) as unknown;
    },
  }) as unknown as Site;
};
