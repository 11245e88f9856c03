/** roll-workloads: pods that loaded ca.crt once get a new process, the network first, then DNS, then the others by priority. */

import { z } from 'zod';
import type { Inventory, PodHolder } from '../../domain/cluster/inventory.js';
import { fail, failure, type Failure } from '../../domain/errors.js';
import type { Change } from '../../domain/trust/changes.js';
import type { TrustGraph } from '../../domain/trust/graph.js';
import { podId } from '../../domain/trust/names.js';
import { duration } from '../../domain/plan/duration.js';
import { awaitPublished, type Publication, publicationOf } from '../../operations/publication.js';
import { podsHoldingEarlierTrust, type Workload, workloadsOf } from '../../operations/pods.js';
import { readsOnly } from '../../operations/reads-only.js';
import { trusts } from '../../operations/trust-params.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const workloadName = z.string().regex(/^[a-z0-9-]+\/([a-z0-9.-]+|\*)$/, 'write it as namespace/name, or namespace/* for all of a namespace');

const params = z.strictObject({
  trusts: trusts.default(['outgoing', 'incoming']).describe('The bundle that was published: pods that started before it was are rolled.'),
  on: z
    .enum(['forward', 'back'])
    .default('forward')
    .describe('back: nothing on the way forward; on the way back, those that were made since the incoming CA was published are rolled, once the outgoing one is.'),
  order: z.array(workloadName).default([]).describe('Workloads (namespace/name, or namespace/*) that are rolled before all others, each after the one before it.'),
  later: z.array(workloadName).default([]).describe('Workloads (namespace/name, or namespace/*) that are not rolled now: they are named, and rolled by hand in their own time.'),
  onlyNamespaces: z.array(z.string()).optional().describe('Only these namespaces; all of them if it is not given.'),
  disruptionWait: duration.prefault('5m').describe('How long to wait for a PodDisruptionBudget to allow a disruption.'),
});

type Params = z.infer<typeof params>;

/** The annotation of `kubectl rollout restart`: most drift detectors leave it alone. */
const restarted = 'kubectl.kubernetes.io/restartedAt';

export const rollWorkloads: StepKind<Params> = {
  name: 'roll-workloads',
  targets: 'cluster',
  params,
  ...readsOnly,
  effects: (p) =>
    p.on === 'back' ? [] : [{ type: 'trusts', verifier: 'pods', cas: p.trusts }, ...(p.trusts.includes('outgoing') ? [] : [{ type: 'cutover', edge: 'ends' } as const])],

  changes: (p, { graph, inventory }) => (p.on === 'back' ? [] : rolledPods(p, graph, inventory)),

  async apply(site, p) {
    if (p.on === 'forward') await rollAll(site, p);
  },

  async inspect(site, p) {
    if (p.on === 'back') return 'present';
    return (await workOf(site, p)).tiers.length === 0 ? 'present' : 'absent';
  },

  async verify(site, p): Promise<Failure[]> {
    if (p.on === 'back') return [];
    const { tiers } = await workOf(site, p);
    return tiers.flat().map((w) =>
      failure('rollout-stuck', {
        target: `${w.kind} ${w.namespace}/${w.name}`,
        summary: `${w.pods} of its pods started before the bundle was published`,
        cause: 'the rollout has not replaced them',
        nextAction: 'Run "rotate-ca resume".',
      }),
    );
  },

  async undo(site, p) {
    if (p.on === 'back') {
      // Before anything of the incoming CA was published no pod can have read it.
      if (publicationOf(site, ['incoming']) === undefined) return;
      await awaitPublished(site, ['outgoing']);
      await rollAll(site, p);
      return;
    }
    if (!p.trusts.includes('outgoing')) return;
    // Their bundle holds both CAs: more than they need, and no reason to restart anything once more.
    site.tell('pods keep the bundle of both CAs that they loaded: nothing to take back');
  },
};

/** Those that a rollout makes anew. An inventory without pods speaks of all pods of a namespace as one. */
function rolledPods(p: Params, graph: TrustGraph, { pods }: Inventory): Change[] {
  const isRolled = (pod: PodHolder): boolean => {
    const [kind = '', name = ''] = pod.owner.split('/');
    if (kind !== 'DaemonSet' && kind !== 'Deployment' && kind !== 'StatefulSet') return false;
    return !isNamed({ namespace: pod.namespace, name }, p.later) && (p.onlyNamespaces?.includes(pod.namespace) ?? true);
  };
  const rolled = pods === undefined ? undefined : new Set(pods.filter(isRolled).map(podId));
  return graph.processes.flatMap(({ id, kind }): Change[] => (kind === 'pod' && (rolled?.has(id) ?? true) ? [{ type: 'restart', process: id }] : []));
}

async function rollAll(site: Site, p: Params): Promise<void> {
  const { tiers, exceptions } = await workOf(site, p);
  for (const exception of exceptions) site.tell(`${exception}: it keeps its trust in memory until somebody restarts it`);
  for (const tier of tiers) {
    site.tell(`rolling ${tier.map((w) => `${w.kind} ${w.namespace}/${w.name} (${w.pods} pods)`).join(', ')}`);
    // All of them settle before the step ends: none is begun behind its back.
    const ended = await Promise.allSettled(tier.map((workload) => roll(site, p, workload)));
    const failed = ended.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

/** The publication before which pods must have been made to be rolled. */
function publishedFor(site: Site, p: Params): Publication | undefined {
  return publicationOf(site, p.on === 'back' ? ['outgoing'] : p.trusts);
}

async function needing(site: Site, p: Params): ReturnType<typeof podsHoldingEarlierTrust> {
  const earlier = await podsHoldingEarlierTrust(site, publishedFor(site, p) ?? { atMs: site.now(), pods: undefined });
  // On the way back only those that were made since the incoming CA was published: the others have never read it.
  const before = p.on === 'back' ? publicationOf(site, ['incoming'])?.pods : undefined;
  const pods = earlier.filter(({ uid }) => before?.has(uid) !== true);
  return p.onlyNamespaces === undefined ? pods : pods.filter((pod) => p.onlyNamespaces?.includes(pod.namespace));
}

/** What is to be rolled, in tiers, and what a rollout would not make anew, in words. */
async function workOf(site: Site, p: Params): Promise<{ tiers: Workload[][]; exceptions: string[] }> {
  const { tiers: all, others } = workloadsOf(await needing(site, p));
  const tiers = inOrder(all, p.order).map((tier) => tier.filter((workload) => !isNamed(workload, p.later)));
  const exceptions = others.map((pod) => `${pod} belongs to nothing that a rollout makes anew (bare pod, Job, other controller)`);
  const later = all.flat().filter((workload) => isNamed(workload, p.later));
  exceptions.push(...later.map((w) => `${w.kind} ${w.namespace}/${w.name} (${w.pods} pods) is left for later`));
  const rolled: Workload[][] = [];
  for (const tier of tiers) {
    const why = await Promise.all(tier.map(async (workload) => whyNotRolled(await site.access.kube().read(refOf(workload), limitsOf(site, 10_000)))));
    rolled.push(tier.filter((_, i) => why[i] === undefined));
    exceptions.push(...tier.flatMap((w, i) => (why[i] === undefined ? [] : [`${w.kind} ${w.namespace}/${w.name} (${w.pods} pods) ${why[i]}`])));
  }
  return { tiers: rolled.filter((tier) => tier.length > 0), exceptions };
}

function isNamed({ namespace, name }: Pick<Workload, 'namespace' | 'name'>, names: readonly string[]): boolean {
  return names.some((one) => one === `${namespace}/${name}` || one === `${namespace}/*`);
}

/** Those that the playbook names, one name after the other, then the tiers as they are without them. */
function inOrder(tiers: readonly Workload[][], order: readonly string[]): Workload[][] {
  const named = order.map((name, i) => tiers.flat().filter((workload) => isNamed(workload, [name]) && !isNamed(workload, order.slice(0, i))));
  return [...named, ...tiers.map((tier) => tier.filter((workload) => !isNamed(workload, order)))];
}

/** Its controller would not replace all pods by itself: a rollout would be waited for in vain. */
function whyNotRolled(object: KubeObject | undefined): string | undefined {
  if (object === undefined) return 'is gone';
  const spec = (object.spec ?? {}) as { paused?: boolean; updateStrategy?: { type?: string; rollingUpdate?: { partition?: number } } };
  if (spec.paused === true) return 'is paused';
  if (spec.updateStrategy?.type === 'OnDelete') return 'is updated on deletion only';
  return (spec.updateStrategy?.rollingUpdate?.partition ?? 0) > 0 ? 'has a partition' : undefined;
}

function refOf(workload: Workload): { apiVersion: string; kind: string; namespace: string; name: string } {
  return { apiVersion: 'apps/v1', kind: workload.kind, namespace: workload.namespace, name: workload.name };
}

async function roll(site: Site, p: Params, workload: Workload): Promise<void> {
  const kube = site.access.kube();
  const ref = refOf(workload);
  const generation = await begin(site, p, workload);
  const failures = await waitFor(
    site,
    {
      what: `${workload.kind} ${workload.namespace}/${workload.name} has rolled`,
      rule: 'R: client-go reads ca.crt once',
      everyMs: 1000,
      otherwise: {
        code: 'rollout-stuck',
        nextAction: `Look at "kubectl -n ${workload.namespace} describe ${workload.kind.toLowerCase()} ${workload.name}", then run "rotate-ca resume".`,
      },
    },
    async () => rolledOut(await kube.read(ref, limitsOf(site, 10_000)), workload, generation),
  );
  const [first] = failures;
  if (first !== undefined) fail(first.code, first);
}

/** Generation of the rollout. One that was begun since the publication (the engine was ended in the middle) is gone on with, not begun again. */
async function begin(site: Site, p: Params, workload: Workload): Promise<number> {
  const kube = site.access.kube();
  const now = await kube.read(refOf(workload), limitsOf(site, 10_000));
  const annotations = (now?.spec as { template?: { metadata?: { annotations?: Record<string, string> } } } | undefined)?.template?.metadata?.annotations;
  const published = publishedFor(site, p)?.atMs ?? Number.POSITIVE_INFINITY;
  if (Date.parse(annotations?.[restarted] ?? '') >= published) return now?.metadata.generation ?? 0;
  await waitForBudget(site, p, workload);
  const patch = { spec: { template: { metadata: { annotations: { [restarted]: new Date(site.now()).toISOString() } } } } };
  const patched = await kube.patch(refOf(workload), patch, limitsOf(site, 10_000));
  return patched.metadata.generation ?? 0;
}

interface Status {
  readonly observedGeneration?: number;
  readonly replicas?: number;
  readonly updatedReplicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly currentRevision?: string;
  readonly updateRevision?: string;
  readonly desiredNumberScheduled?: number;
  readonly updatedNumberScheduled?: number;
  readonly numberAvailable?: number;
}

/** The rules of `kubectl rollout status` (kubectl pkg/polymorphichelpers/rollout_status.go). */
function rolledOut(object: KubeObject | undefined, workload: Workload, generation: number): true | string {
  const status = (object?.status ?? {}) as Status;
  const wanted = (object?.spec as { replicas?: number } | undefined)?.replicas ?? 1;
  if ((status.observedGeneration ?? 0) < generation) return 'its controller has not seen the change yet';
  if (workload.kind === 'DaemonSet') {
    const all = status.desiredNumberScheduled ?? 0;
    const updated = status.updatedNumberScheduled ?? 0;
    if (updated < all) return `${updated} of ${all} pods are new`;
    return (status.numberAvailable ?? 0) >= all ? true : `${status.numberAvailable ?? 0} of ${all} pods are available`;
  }
  const updated = status.updatedReplicas ?? 0;
  if (workload.kind === 'StatefulSet') {
    if (status.updateRevision !== status.currentRevision || updated < wanted) return `${updated} of ${wanted} pods are new`;
    return (status.readyReplicas ?? 0) >= wanted ? true : `${status.readyReplicas ?? 0} of ${wanted} pods are ready`;
  }
  if (updated < wanted) return `${updated} of ${wanted} pods are new`;
  if ((status.replicas ?? 0) > updated) return `${(status.replicas ?? 0) - updated} pods of before are still there`;
  return (status.availableReplicas ?? 0) >= updated ? true : `${status.availableReplicas ?? 0} of ${updated} pods are available`;
}

/** A rollout does not ask disruption budgets; we do. */
async function waitForBudget(site: Site, p: Params, workload: Workload): Promise<void> {
  const kube = site.access.kube();
  const until = Math.min(site.deadlineAtMs, site.now() + p.disruptionWait);
  const failures = await waitFor(
    { ...site, deadlineAtMs: until },
    {
      what: `disruption budgets let ${workload.kind} ${workload.namespace}/${workload.name} roll`,
      rule: 'policy/v1 status.disruptionsAllowed >= 1',
      everyMs: 2000,
      otherwise: { code: 'disruption-blocked', nextAction: 'Raise maxUnavailable or the replicas for the time of the run, then run "rotate-ca resume".' },
    },
    async () => {
      const budgets = await kube.list({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace: workload.namespace }, limitsOf(site, 10_000));
      const closed = budgets.find((b) => selects(b.spec, workload.labels) && ((b.status as { disruptionsAllowed?: number } | undefined)?.disruptionsAllowed ?? 0) < 1);
      return closed === undefined ? true : `PodDisruptionBudget ${closed.metadata.name} allows none now`;
    },
  );
  const [first] = failures;
  if (first !== undefined) fail(first.code, first);
}

function selects(spec: unknown, labels: Readonly<Record<string, string>>): boolean {
  const match = (spec as { selector?: { matchLabels?: Record<string, string> } } | undefined)?.selector?.matchLabels;
  return match !== undefined && Object.entries(match).every(([key, value]) => labels[key] === value);
}
