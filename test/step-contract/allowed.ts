/** What a kind may do although a rule of the contract says otherwise, each with the reason. */

export interface Allowance {
  /** What `inspect` can tell: default is absent before and present after. */
  readonly isSeen?: { readonly as: 'after only' | 'never'; readonly why: string };
  /** Places that `undo` does not put back. */
  readonly stays?: { readonly places: RegExp; readonly why: string };
  /** Places that `undo` makes again and that a further apply leaves alone. */
  readonly comesBack?: { readonly places: RegExp; readonly why: string };
}

const nothingDone = { as: 'after only', why: 'it does nothing on the way forward: it looks, or it stands there for its undo' } as const;

export const allowances: Readonly<Record<string, Allowance>> = {
  'check-nodes': { isSeen: nothingDone },
  'check-cluster': { isSeen: nothingDone },
  'heal-joined-nodes': { isSeen: nothingDone },
  'await-volumes': { isSeen: { as: 'after only', why: 'kubelets write volumes by themselves, and may have done so before the step' } },
  'extension-trust': { isSeen: { as: 'after only', why: 'it takes away what may not be there: before trust is widened it stands there for its undo' } },
  'hold-credential': { isSeen: { as: 'never', why: 'the credential is in memory: after a crash it is gone, and is asked for again' } },
  'clear-service-account-tokens': {
    isSeen: {
      as: 'after only',
      why: 'a token of before is told by its key, and on a cluster of kubeadm that may be rotated at all (check-cluster: ca-shared) no key of tokens is replaced',
    },
  },
  'set-server-trust': {
    stays: {
      places: /^ConfigMap kube-system\/extension-apiserver-authentication:/,
      why: 'API servers only ever add to it; the undo of extension-trust, which stands before, takes it back',
    },
  },
  'verify-distrust': {
    isSeen: { as: 'never', why: 'whom the engine trusts is in memory: after a crash it is narrowed again' },
    stays: { places: /:\/var\/lib\/rotate-ca\//, why: 'staged keys have done their work; what a way back needs is in the checkpoints' },
  },
  'renew-join-material': {
    comesBack: {
      places: /^Secret kube-system\/bootstrap-token-/,
      why: 'it is younger than the publication then; a run that goes forward again publishes first, and withdraws it after that',
    },
  },
  'roll-workloads': { stays: { places: /^(Deployment|DaemonSet|StatefulSet) /, why: 'pods that trust both CAs are right before and after, and are not restarted once more' } },
};

/** Kinds that this walk does not exercise, and who does. */
export const unexercised: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['put-files', 'put-objects'].map((kind) => [kind, "what it puts is the operator's own, so no playbook of ours has it: test/put-contract.test.ts walks one of its own"]),
  ),
  ...Object.fromEntries(
    ['check-units', 'check-cutover', 'set-up-issuer', 'issue-root', 'stage-leaves', 'put-in-place', 'restart-units', 'set-units'].map((kind) => [
      kind,
      'it is a step of a cutover, in the middle of which no scan can be taken: test/cutover-halves.test.ts ends each of them in the middle, forward and back',
    ]),
  ),
};

/** What a step declares and the scan cannot see. */
export const unobserved: Readonly<Record<string, string>> = {
  pods: 'what a pod has loaded is in its memory',
  engine: 'the credential of the engine is in its memory',
};
