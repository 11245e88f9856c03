/** Is the cluster fit for a run, whatever the playbook: questions that read only. */

import { nodesWith } from '../domain/cluster/inventory.js';
import { failure, type Failure } from '../domain/errors.js';
import type { KubeObject } from '../ports/kube.js';
import type { Site } from '../ports/step-kind.js';
import { apiServerOf } from './identity-probe.js';
import { limitsOf } from './waiting.js';

/** What the run itself writes: a webhook with failurePolicy Fail on one of these can stop it. */
const written = ['configmaps', 'secrets', 'certificatesigningrequests', 'deployments', 'daemonsets', 'statefulsets', 'pods', 'leases', '*'];

/** Asked for here, because hold-credential comes when much has been changed already. */
export function witness(site: Site): Failure[] {
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

/** All nodes Ready, and none that the plan does not know. */
export async function ready(site: Site): Promise<Failure[]> {
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
export async function quorum(site: Site): Promise<Failure[]> {
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

/** Those that the operator has looked at are left out, by name. */
export async function webhooks(site: Site, tolerated: readonly string[]): Promise<Failure[]> {
  const kube = site.access.kube();
  const kinds = ['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration'];
  const objects = (await Promise.all(kinds.map((kind) => kube.list({ apiVersion: 'admissionregistration.k8s.io/v1', kind }, limitsOf(site, 15_000))))).flat();
  return objects
    .filter((o) => !tolerated.includes(o.metadata.name) && blocks(o))
    .map((o) =>
      failure('webhook-blocks', {
        target: `${o.kind} ${o.metadata.name}`,
        summary: 'its failurePolicy is Fail for objects that the run writes',
        cause: 'if its pods lose their trust in the API the run could stand still',
        nextAction: `Look at its scope; then name it under tolerateWebhooks of the step, or set failurePolicy: Ignore for the time of the run.`,
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
export async function gitops(site: Site): Promise<Failure[]> {
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
