/** What can go wrong, as values (Failure) and, for what makes going on impossible, as an exception (RotationError). */

/** Exit codes of the command line; `docs/exit-codes.md` is their table. */
export const exitCodes = {
  ok: 0,
  error: 1,
  changes: 2,
  waiting: 3,
  rolledBack: 4,
  notRolledBack: 5,
  locked: 6,
  usage: 64,
  interrupted: 130,
} as const;

/**
 * The catalogue: every code, with one line for `docs/errors.md`.
 * A test holds this table, the documentation and the places that raise a code against each other.
 */
export const catalogue = {
  // input
  'playbook-invalid': 'A playbook has an unknown step kind, key, unit or value.',
  'inventory-invalid': 'An inventory file cannot be read as nodes and roles.',
  'kubeconfig-invalid': 'A kubeconfig is missing, unreadable, has no such context, or its certificate has expired.',
  'pem-invalid': 'A PEM file or object does not hold what its place requires.',
  'plan-invalid': 'A plan file is damaged, edited, or of another version.',
  'prediction-differs': 'After a step a place does not hold what the plan had predicted.',
  'edge-broken': 'A step of the plan would break a connection of this cluster, or leave one that breaks at the next restart.',
  'plan-stale': 'The cluster is not the one that was planned on, in something that matters for trust.',
  'plan-other-cluster': 'The plan was made for another cluster.',
  usage: 'A flag or an argument is unknown, missing or malformed.',
  'config-invalid': 'The configuration file has an unknown key or a wrong value.',
  // local state
  'journal-torn': 'The last line of a journal is incomplete; it is cut off and the run goes on.',
  'journal-broken': 'A journal is damaged before its last line, or its hash chain does not hold.',
  'journal-unwritable': 'A journal line cannot be made durable: disk full, read-only, or gone.',
  'state-locked': 'Another process holds the lock of this cluster.',
  'run-unknown': 'There is no run of that name in the state folder.',
  'decision-refused': 'The run is not in a state in which that can be asked of it.',
  'acks-missing': 'Holders of the outgoing CA would fail, and nobody has said that they have what they need.',
  'recipients-unusable': 'Checkpoints could not be decrypted with the identity that was given.',
  'checkpoint-damaged': 'A checkpoint does not match its digest.',
  // nodes
  'ssh-unreachable': 'No SSH connection to a host.',
  'ssh-auth-failed': 'A host refused every key that was offered.',
  'ssh-host-key-unknown': 'A host is not in known_hosts.',
  'ssh-host-key-changed': 'A host presents a key that differs from known_hosts.',
  'ssh-config-invalid': 'The SSH configuration for a host cannot be resolved or used.',
  'ssh-lost': 'An SSH connection was lost while a command ran: its outcome is in doubt.',
  'sudo-refused': 'The SSH user may not become root without a password.',
  'command-failed': 'A command on a node ended with a non-zero status.',
  'deadline-exceeded': 'Something did not happen in the time it was given.',
  interrupted: 'The operator asked to stop.',
  'file-missing': 'A file that must be on a node is not there.',
  'file-changed': 'A file on a node is not what the checkpoint or the plan says.',
  'disk-full': 'A file system has too little room.',
  'clock-skew': 'A clock differs by more than is allowed.',
  // cluster
  'api-unreachable': 'No answer from the Kubernetes API.',
  'api-refused': 'The Kubernetes API answered with an error.',
  'api-forbidden': 'The credential may not do what is needed.',
  'node-unknown': 'The inventory and the cluster do not list the same nodes.',
  'node-not-ready': 'A node is not Ready.',
  'node-absent': 'A node of the cluster cannot be reached, and trust must not be narrowed without it.',
  'quorum-at-risk': 'An etcd member is unhealthy.',
  'ca-shared': 'One CA or key plays two roles.',
  'ca-unexpected': 'A file or object holds a CA that is neither the outgoing nor the incoming one.',
  'certificate-expired': 'A certificate or CA has expired, or does so within the run.',
  'chain-broken': 'A certificate does not verify against the trust bundle it must verify against.',
  'trust-not-loaded': 'A server does not accept what its trust bundle on disk says.',
  'leaf-not-presented': 'A server does not present the leaf that is on its disk.',
  'distrust-failed': 'A server still accepts a certificate of the outgoing CA.',
  'outgoing-left': 'The outgoing CA is still found after distrust.',
  'component-not-restarted': 'A component did not come back with what it was given.',
  'reverting-agent': 'Something on a node or in the cluster would put files back in the middle of the run.',
  'upgrade-running': 'A kubeadm upgrade is running, or stopped half-way.',
  'webhook-blocks': 'An admission webhook could block the writes that the run needs.',
  'disruption-blocked': 'A PodDisruptionBudget allows no disruption.',
  'rollout-stuck': 'Pods of a workload did not come back.',
  'api-went-away': 'Probes of the API failed while the run was going on.',
  'unit-differs': 'A systemd unit would not start its component as it runs now.',
  'token-fixed': 'A service-account-token Secret cannot be signed anew by the run.',
  'san-lost': 'A name that is served would be missing from the new leaf.',
  'layout-unsupported': 'The cluster is laid out in a way that this playbook does not cover.',
  // issuer
  'vault-unreachable': 'No answer from Vault.',
  'vault-sealed': 'Vault is sealed.',
  'vault-refused': 'Vault refused a request.',
  'vault-policy-missing': 'The Vault token may not use a path that is needed.',
  'vault-auth-failed': 'Vault did not accept the token or the AppRole.',
  'vault-role-unfit': 'No role of Vault issues a leaf that is needed.',
  'ca-rejected': 'The certificate that the issuer returned is not what was asked for.',
  // ours
  'undo-failed': 'A step could not be taken back.',
  internal: 'A defect of rotate-ca.',
} as const;

export type ErrorCode = keyof typeof catalogue;

/** An expected failure. `target` is a node, an object or a host; `nextAction` is what the operator does next, a command if there is one. */
export interface Failure {
  readonly code: ErrorCode;
  readonly target: string;
  /** What failed and where, one sentence without the cause. */
  readonly summary: string;
  /** Why, as far as known; never key material. */
  readonly cause: string;
  readonly nextAction: string;
  /** The same phase may be tried again by itself. */
  readonly retryable: boolean;
}

export interface FailureParts {
  readonly target: string;
  readonly summary: string;
  readonly cause?: string;
  readonly nextAction: string;
  readonly retryable?: boolean;
}

/** Makes a Failure. */
export function failure(code: ErrorCode, parts: FailureParts): Failure {
  return {
    code,
    target: parts.target,
    summary: parts.summary,
    cause: parts.cause ?? '',
    nextAction: parts.nextAction,
    retryable: parts.retryable ?? false,
  };
}

/** One line for a human: what, where, why, what to do. */
export function describeFailure(f: Failure): string {
  const why = f.cause === '' ? '' : `: ${f.cause}`;
  return `${f.summary} (${f.target})${why}. ${f.nextAction}`;
}

/** Thrown by ports and parsers for an expected failure that ends the operation in hand. Anything else that is thrown is a defect. */
export class RotationError extends Error {
  readonly failures: readonly Failure[];

  constructor(failures: Failure | readonly Failure[], options?: ErrorOptions) {
    const all = Array.isArray(failures) ? (failures as readonly Failure[]) : [failures as Failure];
    super(all.map(describeFailure).join('\n'), options);
    this.name = 'RotationError';
    this.failures = all;
  }

  get code(): ErrorCode {
    return this.failures[0]?.code ?? 'internal';
  }
}

/** Throws a RotationError of one failure. */
export function fail(code: ErrorCode, parts: FailureParts, options?: ErrorOptions): never {
  throw new RotationError(failure(code, parts), options);
}

/** The failures in an error, or undefined if it is a defect. */
export function failuresOf(error: unknown): readonly Failure[] | undefined {
  return error instanceof RotationError ? error.failures : undefined;
}
