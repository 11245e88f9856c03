/** A plan: the saved, digested artefact that `run` executes exactly. Plain JSON, no secrets. */

import type { Inventory } from '../cluster/inventory.js';

/** Target of steps that work on the cluster as a whole. */
export const wholeCluster = 'cluster';

export interface Gate {
  readonly name: string;
  /** What the operator is asked, and what holds when it is asked. */
  readonly question: string;
}

export interface PlannedStep {
  /** Name in the playbook, with the batch number where there are several: `renew-kubelets`, `renew-kubelets/2`. */
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Node names, or [wholeCluster]. Worked on at the same time, unless the kind orders them. */
  readonly targets: readonly string[];
  readonly deadlineMs: number;
  readonly gate?: Gate;
  /** Rows of the procedure that this step covers, for the reader. */
  readonly ifItFails: string;
  readonly rollback: string;
}

export interface DroppedStep {
  readonly name: string;
  readonly kind: string;
  readonly why: string;
}

/** What the run needs to find its way again, without secrets: paths, names, addresses. */
export interface Settings {
  readonly inventoryFile: string;
  readonly kubeconfig: string;
  readonly context: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
  readonly vault: {
    readonly address: string;
    readonly mount: string;
    readonly namespace?: string;
    readonly caFile?: string;
    readonly roleIdFile?: string;
    readonly secretIdFile?: string;
    readonly tokenFile?: string;
    /** Role of the mount with not_before_duration: without one, Vault backdates leaves by 30 s. */
    readonly signRole?: string;
  };
  /** age recipients to whom checkpoints and backups are encrypted. */
  readonly recipients: readonly string[];
  readonly identityFile: string;
  readonly stateDir: string;
}

export interface Plan {
  readonly apiVersion: 'rotate-ca/v1';
  readonly kind: 'Plan';
  readonly name: string;
  readonly createdAt: string;
  readonly tool: string;
  readonly playbook: { readonly file: string; readonly sha256: string };
  readonly settings: Settings;
  readonly inventory: Inventory;
  readonly steps: readonly PlannedStep[];
  readonly dropped: readonly DroppedStep[];
  /** Edges of the trust graph that the operator lets break, by id ("rotate-ca plan --accept-break"). */
  readonly accepted?: readonly string[];
  /** SHA-256 over what matters for trust (digest.ts): the thing that an approval approves. */
  readonly digest: string;
}

/** A step of a plan by its id. */
export function stepOf(plan: Pick<Plan, 'steps'>, id: string): PlannedStep | undefined {
  return plan.steps.find((s) => s.id === id);
}
