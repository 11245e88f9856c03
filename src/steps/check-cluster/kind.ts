/** check-cluster: is the cluster fit for the run? Quorum, roles of CAs and keys, webhooks, what else writes. Reads only. */

import { z } from 'zod';
import { fileOf, nodesWith } from '../../domain/cluster/inventory.js';
import { failure, type Failure } from '../../domain/errors.js';
import { paths } from '../../operations/run-files.js';
import { apiServerOf } from '../../operations/identity-probe.js';
import { readsOnly } from '../../operations/reads-only.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site, StepKind } from '../../ports/step-kind.js';
import { sharedRoles } from './shared-roles.js';
import { uncovered } from './uncovered.js';

const params = z.strictObject({
  tolerateWebhooks: z.array(z.string()).default([]).describe('Names of webhook configurations with failurePolicy Fail that have been looked at and do not stand in the way.'),
});

type Params = z.infer<typeof params>;

/** What the run itself writes: a webhook with failurePolicy Fail on one of these can stop it. */
const written = ['configmaps', 'secrets', 'certificatesigningrequests', 'deployments', 'daemonsets', 'statefulsets', 'pods', 'leases', '*'];

export const checkCluster: StepKind<Params> = {
  name: 'check-cluster',
  targets: 'cluster',
  params,
  ...readsOnly,

  async preflight(site, p) {
    return [
      ...oneCa(site),
      ...sharedRoles(site.inventory),
      ...uncovered(site.inventory),
      ...witness(site),
      ...(await ready(site)),
      ...(await quorum(site)),
      ...(await webhooks(site, p)),
      ...(await gitops(site)),
      ...(await immutable(site)),
    ];
  },
};

/** Asked for here, because hold-credential comes when much has been changed already. */
function witness(site: Site): Failure[] {
  if (site.access.original() !== undefined) return [];
  return [
    failure('kubeconfig-invalid', {
      target: site.access.kube().server,
      summary: 'the kubeconfig holds no client certificate',
      cause: 'it is the witness of the outgoing CA: after distrust it must be refused',
      nextAction: 'Use a kubeconfig with an embedded client certificate, admin.conf for example, with --kubeconfig.',
    }),
  ];
}

/** Token Secrets that cannot be written: what is published never reaches them (core/validation). */
async function immutable(site: Site): Promise<Failure[]> {
  const secrets = await site.access.kube().list({ apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token' }, limitsOf(site, 15_000));
  return secrets
    .filter((s) => s.immutable === true)
    .map((s) =>
      failure('layout-unsupported', {
        target: `Secret ${s.metadata.namespace ?? ''}/${s.metadata.name}`,
        summary: 'the service-account-token Secret is immutable',
        cause: 'kube-controller-manager cannot write the bundle of both CAs into it',
        nextAction: 'Make it anew without "immutable: true" and restart its pods, then plan again.',
      }),
    );
}

/** The same single CA on all nodes: shared by all control planes (kubeadm copycerts), copied to workers at join. */
function oneCa(site: Site): Failure[] {
  const seen = new Map<string, string[]>();
  const failures: Failure[] = [];
  for (const node of site.inventory.nodes) {
    const file = fileOf(node, paths.ca);
    if (file === undefined || file.certificates.length !== 1) {
      failures.push(
        failure(file === undefined ? 'file-missing' : 'ca-unexpected', {
          target: node.name,
          summary: file === undefined ? `${paths.ca} is missing` : `${paths.ca} holds ${file.certificates.length} certificates instead of one`,
          cause: 'an earlier rotation may have stopped half-way',
          nextAction: 'Finish or take back the earlier rotation first.',
        }),
      );
    } else {
      const print = file.certificates[0]?.fingerprint ?? '';
      seen.set(print, [...(seen.get(print) ?? []), node.name]);
    }
  }
  if (seen.size > 1) {
    failures.push(
      failure('ca-unexpected', {
        target: 'cluster',
        summary: `${paths.ca} differs between nodes`,
        cause: [...seen].map(([print, nodes]) => `${print.slice(0, 12)} on ${nodes.join(', ')}`).join('; '),
        nextAction: 'Find out which CA the API server trusts, put that one everywhere, then plan again.',
      }),
    );
  }
  for (const node of nodesWith(site.inventory, 'control-plane')) {
    if (fileOf(node, paths.caKey) !== undefined) continue;
    failures.push(
      failure('layout-unsupported', {
        target: node.name,
        summary: `${paths.caKey} is missing`,
        cause: 'kubeadm calls that external CA mode: kube-controller-manager signs nothing',
        nextAction: 'This playbook needs the key beside the cluster; use one for an external CA.',
      }),
    );
  }
  return failures;
}

async function ready(site: Site): Promise<Failure[]> {
  const nodes = await site.access.kube().list({ apiVersion: 'v1', kind: 'Node' }, limitsOf(site, 15_000));
  const planned = new Set(site.inventory.nodes.map((n) => n.name));
  const failures: Failure[] = [];
  for (const node of nodes) {
    const conditions = (node.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? [];
    if (conditions.find((c) => c.type === 'Ready')?.status !== 'True') {
      failures.push(
        failure('node-not-ready', {
          target: node.metadata.name,
          summary: 'the node is not Ready',
          cause: 'a node that misses a step does not heal by itself',
          nextAction: 'Bring it back or remove it from the cluster, then plan again.',
        }),
      );
    }
    if (!planned.has(node.metadata.name)) {
      failures.push(
        failure('node-unknown', {
          target: node.metadata.name,
          summary: 'the node has joined since the plan was made',
          cause: 'no step of the plan would reach it',
          nextAction: 'Add it to the inventory and plan again.',
        }),
      );
    }
  }
  return failures;
}

/** Each API server by itself: it answers only while its own etcd member has quorum (/readyz includes etcd). */
async function quorum(site: Site): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const node of nodesWith(site.inventory, 'control-plane')) {
    const answer = await site.access.kube().at(apiServerOf(node)).get('/readyz?verbose', limitsOf(site, 15_000));
    if (answer.status === 200) continue;
    failures.push(
      failure('quorum-at-risk', {
        target: node.name,
        summary: 'the API server is not ready',
        cause: answer.body
          .split('\n')
          .filter((l) => l.startsWith('[-]'))
          .join('; '),
        nextAction: 'Heal it first: three members bear the loss of one.',
      }),
    );
  }
  return failures;
}

async function webhooks(site: Site, p: Params): Promise<Failure[]> {
  const kube = site.access.kube();
  const kinds = ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'];
  const objects = (await Promise.all(kinds.map((kind) => kube.list({ apiVersion: 'admissionregistration.k8s.io/v1', kind }, limitsOf(site, 15_000))))).flat();
  return objects
    .filter((o) => !p.tolerateWebhooks.includes(o.metadata.name) && blocks(o))
    .map((o) =>
      failure('webhook-blocks', {
        target: `${o.kind} ${o.metadata.name}`,
        summary: 'its failurePolicy is Fail for objects that the run writes',
        cause: 'if its pods lose their trust in the API the run could stand still',
        nextAction: `Look at its scope; then name it under tolerateWebhooks of check-cluster, or set failurePolicy: Ignore for the time of the run.`,
      }),
    );
}

interface Webhook {
  readonly failurePolicy?: string;
  readonly namespaceSelector?: { matchLabels?: object; matchExpressions?: unknown[] };
  readonly rules?: readonly { readonly resources?: readonly string[]; readonly operations?: readonly string[] }[];
}

function blocks(object: KubeObject): boolean {
  const hooks = (object.webhooks ?? []) as readonly Webhook[];
  return hooks.some((w) => (w.failurePolicy ?? 'Fail') === 'Fail' && (w.rules ?? []).some((r) => (r.resources ?? []).some((name) => written.includes(name.split('/')[0] ?? ''))));
}

/** GitOps controllers that manage the kubeadm ConfigMaps or static objects of kube-system would put them back. */
async function gitops(site: Site): Promise<Failure[]> {
  const kube = site.access.kube();
  const names = ['kubeadm-config', 'extension-apiserver-authentication'];
  const failures: Failure[] = [];
  for (const [namespace, name] of [...names.map((n) => ['kube-system', n] as const), ['kube-public', 'cluster-info'] as const]) {
    const object = await kube.read({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name }, limitsOf(site, 15_000));
    const labels = { ...object?.metadata.labels, ...object?.metadata.annotations };
    const manager = Object.keys(labels).find((k) => /argocd\.argoproj\.io|kustomize\.toolkit\.fluxcd\.io|helm\.toolkit\.fluxcd\.io/.test(k));
    if (manager === undefined) continue;
    failures.push(
      failure('reverting-agent', {
        target: `ConfigMap ${namespace}/${name}`,
        summary: 'it is managed by GitOps',
        cause: manager,
        nextAction: 'Suspend its reconciliation for the time of the run.',
      }),
    );
  }
  return failures;
}
