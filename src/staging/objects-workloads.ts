/** Workloads of a staging cluster as objects: what runs as pods, its budgets, its token Secrets, and what else carries the cluster CA. */

import type { NewObject } from './api/store.js';
import type { Authorities } from './pki/authorities.js';
import { copyObjects } from './objects-copies.js';
import type { ClusterSpec, WorkloadSpec } from './spec.js';

/** Where the kubelet reads how a workload's client library treats ca.crt: `once` or `reload`. */
export const readsCaAnnotation = 'staging.rotate-ca/reads-ca';

/** Whose the many token Secrets are. */
export const tokenHolder = 'token-holder';
/** Where a program looks for its token, whatever kind of volume it is. */
export const accountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

export function accountOf({ name, account }: WorkloadSpec): string {
  return account ?? name;
}

export function workloadObjects(spec: ClusterSpec, authorities: Authorities): NewObject[] {
  return [...programObjects(spec), ...(spec.caCopies === undefined ? caBundles(authorities) : copyObjects(spec, spec.caCopies, authorities))];
}

/** Workloads and token Secrets alone. */
export function programObjects(spec: ClusterSpec): NewObject[] {
  return [...spec.workloads.flatMap(workload), ...tokenSecrets(spec)];
}

function workload(one: WorkloadSpec): NewObject[] {
  const { kind, name, namespace, replicas, budget } = one;
  const labels = { app: name, 'k8s-app': name };
  const object: NewObject = {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace, labels },
    spec: {
      ...(kind === 'DaemonSet' ? { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } } } : { replicas }),
      ...(kind === 'Deployment' ? { strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } } } : {}),
      ...(kind === 'StatefulSet' ? { serviceName: name, podManagementPolicy: 'OrderedReady', updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } } : {}),
      revisionHistoryLimit: 10,
      selector: { matchLabels: { app: name } },
      template: template(one, labels),
    },
  };
  if (budget === undefined) return [object];
  const disruption: NewObject = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec: { maxUnavailable: budget, selector: { matchLabels: { app: name } } },
  };
  return [object, disruption];
}

function template(one: WorkloadSpec, labels: Readonly<Record<string, string>>): object {
  const isSystem = one.namespace.startsWith('kube-');
  const onHost = one.kind === 'DaemonSet';
  const hasSecret = one.tokenSecret !== undefined && one.tokenSecret !== '';
  const mounts = hasSecret ? { volumeMounts: [{ name: 'token', mountPath: accountPath, readOnly: true }] } : {};
  return {
    metadata: { labels, annotations: { [readsCaAnnotation]: one.readsCa } },
    spec: {
      serviceAccountName: accountOf(one),
      ...(one.tokenSecret === undefined ? {} : { automountServiceAccountToken: false }),
      ...(one.priorityClass === undefined ? {} : { priorityClassName: one.priorityClass }),
      ...(onHost ? { hostNetwork: true } : {}),
      terminationGracePeriodSeconds: 10,
      ...(onHost ? { tolerations: [{ operator: 'Exists' }] } : isSystem ? { tolerations: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] } : {}),
      containers: [{ name: one.name, image: `staging.rotate-ca/${one.name}:1`, imagePullPolicy: 'IfNotPresent', ...mounts }],
      ...(hasSecret ? { volumes: [{ name: 'token', secret: { secretName: one.tokenSecret } }] } : {}),
    },
  };
}

/** Legacy tokens: each is a copy of the CA that a rotation has to reach. kube-controller-manager fills them. */
function tokenSecrets(spec: ClusterSpec): NewObject[] {
  const places = spec.tokenSecretNames ?? spreadTokens(spec);
  const accounts = [...new Set(places.map(({ namespace }) => namespace))].map(
    (namespace): NewObject => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: tokenHolder, namespace } }),
  );
  const secrets = places.map((metadata) => tokenSecret(metadata, tokenHolder));
  const lived = spec.workloads.flatMap((one) =>
    one.tokenSecret === undefined || one.tokenSecret === '' ? [] : [tokenSecret({ namespace: one.namespace, name: one.tokenSecret }, accountOf(one))],
  );
  return [...accounts, ...secrets, ...lived];
}

function tokenSecret(metadata: { readonly namespace: string; readonly name: string }, account: string): NewObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadata, annotations: { 'kubernetes.io/service-account.name': account } },
    type: 'kubernetes.io/service-account-token',
    data: {},
  };
}

function spreadTokens(spec: ClusterSpec): { readonly namespace: string; readonly name: string }[] {
  const namespaces = spec.namespaces.filter((namespace) => namespace.startsWith('tokens-'));
  const homes = namespaces.length > 0 ? namespaces : ['default'];
  return Array.from({ length: spec.tokenSecrets }, (_, index) => ({ name: `token-${Math.floor(index / homes.length) + 1}`, namespace: homes[index % homes.length] ?? 'default' }));
}

/** A webhook and an extension API whose servers have leaves of the cluster CA; neither is called in a rotation: nobody writes what they are for. */
function caBundles(authorities: Authorities): NewObject[] {
  const caBundle = Buffer.from(authorities.cluster.certificatePem).toString('base64');
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'felt' },
      webhooks: [
        {
          name: 'widgets.felt.example.org',
          admissionReviewVersions: ['v1'],
          clientConfig: { caBundle, service: { name: 'webhook', namespace: 'felt', path: '/validate', port: 443 } },
          failurePolicy: 'Ignore',
          matchPolicy: 'Equivalent',
          namespaceSelector: {},
          objectSelector: {},
          rules: [{ apiGroups: ['felt.example.org'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['widgets'], scope: '*' }],
          sideEffects: 'None',
          timeoutSeconds: 5,
        },
      ],
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1.felt.example.org' },
      spec: { caBundle, group: 'felt.example.org', groupPriorityMinimum: 100, service: { name: 'webhook', namespace: 'felt', port: 443 }, version: 'v1', versionPriority: 100 },
      status: { conditions: [{ type: 'Available', status: 'True', reason: 'Passed', message: 'all checks passed', lastTransitionTime: '2026-01-01T00:00:00Z' }] },
    },
  ];
}
