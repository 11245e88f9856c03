/** Proves the order of a plan: in every state that a run can be in, no leaf is presented to a verifier that does not trust its CA. */

import { type Failure, failure } from '../errors.js';
import type { Presenter, TrustEffect, Verifier } from './effects.js';

export type Ca = 'outgoing' | 'incoming';

/** One step with all its batches. Of a dropped step too: what it would have worked on is not there, so its effect holds. */
export interface OrderedStep {
  readonly name: string;
  readonly effects: readonly TrustEffect[];
}

interface State {
  /** What every member of the group is sure to trust. */
  readonly trusted: ReadonlyMap<Verifier, ReadonlySet<Ca>>;
  /** What some member of the group may present. */
  readonly presented: ReadonlyMap<Presenter, ReadonlySet<Ca>>;
}

const verifiers: Readonly<Record<Verifier, string>> = {
  servers: 'API servers and kubelets (ca.crt)',
  'control-plane-clients': 'kube-controller-manager and kube-scheduler',
  kubelets: 'kubelets (kubelet.conf)',
  published: 'what kube-controller-manager publishes to new pods and token Secrets',
  pods: 'pods that loaded ca.crt once',
  admins: 'admin kubeconfigs',
  objects: 'cluster-info and other objects',
  'extension-servers': 'extension API servers',
  etcd: 'etcd members',
};

const presenters: Readonly<Record<Presenter, string>> = {
  'api-servers': 'API servers',
  'api-servers-to-kubelets': 'API servers, to kubelets,',
  'control-plane-clients': 'kube-controller-manager and kube-scheduler',
  kubelets: 'kubelets',
  admins: 'admins',
  'csr-signer': 'those who have a CertificateSigningRequest signed',
  engine: 'rotate-ca itself',
  'etcd-clients': 'API servers and etcd members, to members,',
};

/** Only where a step speaks of them: most clusters have a CA of their own for etcd. */
const onlyIfNamed = { verifier: 'etcd', presenter: 'etcd-clients' } as const;

/**
 * Who verifies whom (kubernetes-pki 3.1). What the signer signs from now on may be presented by anyone: as a client to the servers,
 * and as a server to those who know the cluster's CA from their pod.
 */
export const edges: Readonly<Record<Presenter, readonly Verifier[]>> = {
  'api-servers': ['control-plane-clients', 'kubelets', 'published', 'pods', 'admins', 'objects'],
  'api-servers-to-kubelets': ['servers'],
  'control-plane-clients': ['servers', 'extension-servers'],
  kubelets: ['servers'],
  admins: ['servers', 'extension-servers'],
  'csr-signer': ['servers', 'extension-servers', 'published', 'pods'],
  engine: ['servers', 'extension-servers'],
  'etcd-clients': ['etcd'],
};

const allVerifiers = Object.keys(verifiers) as Verifier[];
const allPresenters = Object.keys(presenters) as Presenter[];

/**
 * The failures of the order; none: it is proved. Two laws: trust before use (a leaf of a CA is presented only where all trust the CA),
 * use before distrust (a CA is dropped only where none of its leaves is presented). While a step is under way some of its targets are
 * before and some after it, so both must hold: what is sure to be trusted is the intersection, what may be presented is the union.
 * At the end only the incoming CA is trusted and presented; pods may keep the outgoing one in memory. A plan without effects proves itself.
 * Within a cutover nothing holds, which is what its playbook is for; how things stand when it ends is proved like any other state.
 */
export function proveOrder(steps: readonly OrderedStep[]): Failure[] {
  if (steps.every(({ effects }) => effects.length === 0)) return [];
  const failures: Failure[] = [];
  let state: State = {
    trusted: new Map(allVerifiers.map((verifier) => [verifier, new Set<Ca>(['outgoing'])])),
    presented: new Map(allPresenters.map((presenter) => [presenter, new Set<Ca>(['outgoing'])])),
  };
  let cutover: OrderedStep | undefined;
  for (const step of steps) {
    const after = afterStep(state, step.effects);
    if (marks(step, 'begins')) cutover = step;
    if (cutover === undefined) failures.push(...brokenEdges(inFlight(state, after), step));
    if (marks(step, 'ends')) {
      cutover = undefined;
      failures.push(...brokenEdges(after, step));
    }
    state = after;
  }
  if (cutover !== undefined) failures.push(endless(cutover));
  return failures.length > 0 ? failures : whatIsLeft(state, steps);
}

function marks({ effects }: OrderedStep, edge: 'begins' | 'ends'): boolean {
  return effects.some((effect) => effect.type === 'cutover' && effect.edge === edge);
}

function endless({ name }: OrderedStep): Failure {
  return failure('chain-broken', {
    target: name,
    summary: `the cutover that begins with step "${name}" has no end`,
    cause: 'no step after it rolls the pods that hold tokens and trust of before',
    nextAction: 'Add the step roll-workloads with "trusts: [incoming]" behind it.',
  });
}

function afterStep(before: State, effects: readonly TrustEffect[]): State {
  const trusted = new Map(before.trusted);
  const presented = new Map(before.presented);
  for (const effect of effects) {
    if (effect.type === 'trusts') trusted.set(effect.verifier, new Set(effect.cas));
    else if (effect.type === 'presents') presented.set(effect.presenter, new Set([effect.ca]));
  }
  // API servers add what they trust to extension-apiserver-authentication, and add it again if it is taken out (combineCertLists).
  trusted.set('extension-servers', union(trusted.get('extension-servers')!, trusted.get('servers')!));
  return { trusted, presented };
}

function inFlight(before: State, after: State): State {
  return {
    trusted: new Map(allVerifiers.map((v) => [v, new Set([...before.trusted.get(v)!].filter((ca) => after.trusted.get(v)!.has(ca)))])),
    presented: new Map(allPresenters.map((p) => [p, union(before.presented.get(p)!, after.presented.get(p)!)])),
  };
}

function brokenEdges(state: State, step: OrderedStep): Failure[] {
  const failures: Failure[] = [];
  for (const presenter of allPresenters) {
    for (const verifier of edges[presenter]) {
      for (const ca of state.presented.get(presenter)!) {
        if (state.trusted.get(verifier)!.has(ca)) continue;
        const isUse = step.effects.some((effect) => effect.type === 'presents' && effect.presenter === presenter && effect.ca === ca);
        failures.push(
          failure('chain-broken', {
            target: step.name,
            summary: `during step "${step.name}" ${presenters[presenter]} may present a leaf of the ${ca} CA to: ${verifiers[verifier]}`,
            cause: isUse ? `not all of these trust the ${ca} CA yet (trust before use)` : `not all of these trust the ${ca} CA then (use before distrust)`,
            nextAction: isUse
              ? `Put the step that makes "${verifier}" trust the ${ca} CA before "${step.name}" in the playbook.`
              : `Put the step after which "${presenter}" no longer present leaves of the ${ca} CA before "${step.name}" in the playbook.`,
          }),
        );
      }
    }
  }
  return failures;
}

function whatIsLeft(state: State, steps: readonly OrderedStep[]): Failure[] {
  const effects = steps.flatMap((step) => step.effects);
  const isNamed = effects.some((e) => (e.type === 'trusts' && e.verifier === onlyIfNamed.verifier) || (e.type === 'presents' && e.presenter === onlyIfNamed.presenter));
  const counts = (group: Verifier | Presenter): boolean => isNamed || (group !== onlyIfNamed.verifier && group !== onlyIfNamed.presenter);
  const trusting = allVerifiers.filter((v) => v !== 'pods' && counts(v) && !isOnlyIncoming(state.trusted.get(v)!));
  const presenting = allPresenters.filter((p) => counts(p) && !isOnlyIncoming(state.presented.get(p)!));
  return [
    ...trusting.map((v) => left(v, `at the end of the plan these do not trust the incoming CA alone: ${verifiers[v]}`)),
    ...presenting.map((p) => left(p, `at the end of the plan leaves of the outgoing CA are still presented by: ${presenters[p]}`)),
  ];
}

function left(group: string, summary: string): Failure {
  return failure('outgoing-left', {
    target: group,
    summary,
    cause: 'no step of the playbook changes it',
    nextAction: `Add the step for "${group}" to the playbook; playbooks/cluster-ca.yaml has it.`,
  });
}

function isOnlyIncoming(cas: ReadonlySet<Ca>): boolean {
  return cas.size === 1 && cas.has('incoming');
}

function union(a: ReadonlySet<Ca>, b: ReadonlySet<Ca>): Set<Ca> {
  return new Set([...a, ...b]);
}
