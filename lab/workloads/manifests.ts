import type { BuiltImage } from './build.js';
import { type KubeObject, priorityClass } from './kube-objects.js';

export const namespace = 'felt';
export const counterPort = 8080;
export const legacyAccount = 'legacy';
export const legacySecret = 'legacy-token';

/** A workload of the lab, and what it is there to show. */
interface Workload {
  readonly name: string;
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly replicas: number;
  readonly language: BuiltImage['language'];
  readonly priority: 'felt-high' | 'felt-low';
}

const workloads: readonly Workload[] = [
  { name: 'felt-go', kind: 'Deployment', replicas: 3, language: 'go', priority: 'felt-high' },
  { name: 'felt-store', kind: 'StatefulSet', replicas: 2, language: 'go', priority: 'felt-low' },
  { name: 'felt-node', kind: 'Deployment', replicas: 1, language: 'node', priority: 'felt-low' },
  { name: 'felt-python', kind: 'Deployment', replicas: 1, language: 'python', priority: 'felt-low' },
];

export const podCount = workloads.reduce((sum, { replicas }) => sum + replicas, 0);

function meta(name: string, more: Record<string, unknown> = {}): KubeObject['metadata'] {
  return { name, namespace, ...more };
}

/** Namespace, accounts and rights: each program may write ConfigMaps of the namespace and watch them. */
export function foundation(): KubeObject[] {
  const subjects = ['felt', legacyAccount].map((name) => ({ kind: 'ServiceAccount', name, namespace }));
  const priority = (name: string, value: number): KubeObject => priorityClass(name, value, 'Shows in which order workloads are rolled.');
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    priority('felt-high', 100_000),
    priority('felt-low', 1_000),
    ...subjects.map(({ name }) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: meta(name) })),
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: meta('felt'),
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create', 'patch'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: meta('felt'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'felt' },
      subjects,
    },
  ];
}

/** The legacy token of the external client. Applied once its account is there: else the token controller deletes it. */
export function legacyTokenSecret(): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: meta(legacySecret, { annotations: { 'kubernetes.io/service-account.name': legacyAccount } }),
    type: 'kubernetes.io/service-account-token',
  };
}

function fieldVariable(name: string, fieldPath: string): unknown {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function podTemplate(workload: Workload, image: string, tolerations: readonly unknown[]): unknown {
  return {
    metadata: { labels: { app: workload.name, felt: 'program' } },
    spec: {
      serviceAccountName: 'felt',
      priorityClassName: workload.priority,
      // A program that ends in the middle of a failure needs 8 s for its next try, and 5 s for each of its last writes.
      terminationGracePeriodSeconds: 45,
      tolerations,
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'kubernetes.io/hostname',
          whenUnsatisfiable: 'ScheduleAnyway',
          labelSelector: { matchLabels: { app: workload.name } },
        },
      ],
      containers: [
        {
          name: 'felt',
          image,
          imagePullPolicy: 'Never',
          env: [
            fieldVariable('POD_NAME', 'metadata.name'),
            fieldVariable('POD_NAMESPACE', 'metadata.namespace'),
            fieldVariable('NODE_NAME', 'spec.nodeName'),
            { name: 'FELT_WORKLOAD', value: workload.name },
          ],
          ports: [{ containerPort: counterPort }],
          resources: { requests: { cpu: '10m', memory: '32Mi' } },
          readinessProbe: { httpGet: { path: '/counters', port: counterPort }, periodSeconds: 2, timeoutSeconds: 2 },
        },
      ],
    },
  };
}

function workloadObject(workload: Workload, image: string, tolerations: readonly unknown[]): KubeObject {
  const labels = { app: workload.name };
  return {
    apiVersion: 'apps/v1',
    kind: workload.kind,
    metadata: meta(workload.name, { labels }),
    spec: {
      replicas: workload.replicas,
      selector: { matchLabels: labels },
      ...(workload.kind === 'StatefulSet' ? { serviceName: workload.name } : {}),
      template: podTemplate(workload, image, tolerations),
    },
  };
}

function disruptionBudget(name: string, limit: Record<string, number>): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: meta(name),
    spec: { ...limit, selector: { matchLabels: { app: name } } },
  };
}

/** The workloads themselves. Without workers they run on control planes. */
export function programs(images: readonly BuiltImage[], options: { readonly onControlPlanes: boolean }): KubeObject[] {
  const tolerations = options.onControlPlanes ? [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists', effect: 'NoSchedule' }] : [];
  const imageOf = (language: BuiltImage['language']): string => {
    const image = images.find((candidate) => candidate.language === language);
    if (image === undefined) throw new Error(`no image was built for ${language}`);
    return image.reference;
  };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: meta('felt-store'),
      spec: { clusterIP: 'None', selector: { app: 'felt-store' }, ports: [{ port: counterPort }] },
    },
    disruptionBudget('felt-go', { minAvailable: 2 }),
    disruptionBudget('felt-store', { maxUnavailable: 1 }),
    ...workloads.map((workload) => workloadObject(workload, imageOf(workload.language), tolerations)),
  ];
}
