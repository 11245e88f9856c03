/** The socket into which a kind of step plugs: everything here is about ONE target. */

import type { Failure } from '../domain/errors.js';
import type { Inventory, NodeRecord } from '../domain/cluster/inventory.js';
import type { Plan, PlannedStep } from '../domain/plan/plan.js';
import type { Direction } from '../domain/run/facts.js';
import type { Change, ChangeContext } from '../domain/trust/changes.js';
import type { TrustEffect } from '../domain/trust/effects.js';
import type { Artefacts } from './artefacts.js';
import type { Checkpoint, Checkpoints } from './checkpoints.js';
import type { Issuer, RoleIssuer } from './issuer.js';
import type { KubeAccess } from './kube.js';
import type { NodeShell, Shells } from './node-shell.js';
import type { TlsProbe } from './tls-probe.js';

/** All that a kind may use. It never sees the journal or the machine. */
export interface Site {
  /** Node name, or 'cluster'. */
  readonly target: string;
  readonly run: { readonly id: string; readonly attempt: number };
  readonly step: PlannedStep;
  readonly plan: Plan;
  readonly inventory: Inventory;
  /** Shell of the target; throws for the target 'cluster'. */
  readonly shell: NodeShell;
  readonly shells: Shells;
  readonly access: KubeAccess;
  readonly issuer: Issuer;
  /** Where the key of the CA stays with the issuer: leaves are issued under the first of these roles that may. Throws config-invalid. */
  roleIssuer(roles: readonly string[]): Promise<RoleIssuer>;
  readonly tls: TlsProbe;
  readonly artefacts: Artefacts;
  /** For backups: large encrypted blobs. */
  readonly checkpoints: Pick<Checkpoints, 'saveBlob' | 'prove'>;
  readonly signal: AbortSignal;
  /** Milliseconds left for this phase are deadlineAtMs - now(). */
  readonly deadlineAtMs: number;
  /** Unix time in ms. */
  now(): number;
  /** Reads the whole cluster again, through the scan. */
  observe(): Promise<Inventory>;
  /** Waits; ends early with RotationError interrupted when the signal is raised. */
  wait(ms: number): Promise<void>;
  /** A line for the human who watches: what is waited for and why (the reload rule), what proved it. No secrets. */
  tell(message: string): void;
}

/** What a plan keeps of a file of this machine. All are SHA-256, lower-case hex. */
export interface PinnedFile {
  readonly sha256: string;
  /** Fingerprints of certificates in their order; of a kubeconfig: its CAs. Of a file with keys alone: of their SPKI. */
  readonly holds: string[];
  /** Of a kubeconfig with a client certificate in it. */
  readonly client?: string[] | undefined;
  /** Its certificates, PEM; of a kubeconfig those of its CAs and of its client. */
  readonly pem: string;
  readonly as: 'certificates' | 'keys' | 'kubeconfig';
}

export type Inspection = 'absent' | 'partial' | 'present';

export interface StepKind<P> {
  /** As written in a playbook. */
  readonly name: string;
  /** What its targets are: each node of these roles, or the cluster. */
  readonly targets: 'control-planes' | 'nodes' | 'cluster';
  /** Zod schema of the parameters; strict, with defaults; also published as JSON Schema. */
  readonly params: import('zod').ZodType<P>;
  /** After this has been applied there is no way back. */
  readonly pointOfNoReturn?: boolean;
  /** PURE. On which way no API server may answer while such a step is under way: then that does not hold the run. */
  takesApiAway?(params: P): readonly Direction[];
  /** PURE. Of the nodes that are targets, those that it concerns; default all. */
  concerns?(params: P, node: NodeRecord): boolean;
  /** PURE. What it does to trust, as data. */
  effects(params: P): readonly TrustEffect[];
  /** PURE. What it does to what is stored, for one target, and whom it starts anew: for the proof on the graph of a cluster. Default: nothing. */
  changes?(params: P, on: ChangeContext): readonly Change[];
  /** PURE. Files of this machine that it puts somewhere, as the playbook names them. */
  filesOf?(params: P): string[];
  /** PURE. The parameters with what those files hold, by their name in the playbook: the plan keeps it, and another content is refused later. */
  pinned?(params: P, contents: ReadonlyMap<string, PinnedFile>): P;
  /** PURE. Certificates that it brings with it, by fingerprint: PEM. */
  brought?(params: P): Readonly<Record<string, string>>;
  /** PURE. Why the step is not needed on this cluster; undefined if it is. */
  unneeded?(params: P, inventory: Inventory): string | undefined;
  /** PURE. Files on a node that hold what this step has written, until another step writes them: they are watched by hash. */
  leaves?(params: P): readonly string[];
  /** `proves`: verify compares with what is staged beside the run. `removes`: it is gone once this has been applied, and the former is not asked again. */
  readonly staged?: 'proves' | 'removes';
  /** Reads only. Splits the targets of a step into waves (one after the other, each at once), by what is true now: leaders last. Default: one wave. */
  waves?(targets: readonly string[], site: Omit<Site, 'shell' | 'target'>, params: P): Promise<string[][]>;
  /** Reads only. */
  preflight(at: Site, params: P): Promise<Failure[]>;
  /** Reads the target; returns all that undo will need. */
  checkpoint(at: Site, params: P): Promise<Checkpoint>;
  /** Throws RotationError. Must be idempotent, and may be killed anywhere. */
  apply(at: Site, params: P): Promise<void>;
  /** Did apply happen? Asked after a crash, and before apply to make a second one nothing. */
  inspect(at: Site, params: P): Promise<Inspection>;
  /** Asks the running component, not the file. Waits for what needs time, up to the deadline; returns what still does not hold. */
  verify(at: Site, params: P): Promise<Failure[]>;
  /** Puts the checkpoint back, whatever it finds, and proves that it is back. Throws RotationError. */
  undo(at: Site, params: P, checkpoint: Checkpoint): Promise<void>;
}

// The registry holds kinds of all parameter types; each is only ever called with what its own schema returned.
// biome-ignore lint/suspicious/noExplicitAny: existential type over P
export type AnyStepKind = StepKind<any>;

export type StepKinds = ReadonlyMap<string, AnyStepKind>;
