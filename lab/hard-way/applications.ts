import { type KubeObject, priorityClass } from '../workloads/kube-objects.js';
import { tokenHolder } from '../workloads/token-secrets.js';
import { clusterGrant, legacyAccount, onSecret, tokenSecretOf } from './legacy-token.js';

/** What is there beside the workloads that feel a rotation: pods whose life and requests must go on through a cutover. */
interface Application {
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly priority: 'shop-critical' | 'shop-ordinary' | 'shop-optional';
  /** What the image does. */
  readonly role: 'shop' | 'ingress' | 'monitor';
  readonly readyPath: string;
  /** Reached from outside, on each node. */
  readonly nodePort?: number;
  /** Of the API, on a legacy token; without it the pod has no token at all. */
  readonly rules?: readonly Record<string, unknown>[];
}

const applications: readonly Application[] = [
  { name: 'shop', namespace: 'shop', replicas: 2, priority: 'shop-critical', role: 'shop', readyPath: '/', nodePort: 30080 },
  { name: 'reports', namespace: 'shop', replicas: 1, priority: 'shop-optional', role: 'shop', readyPath: '/' },
  {
    name: 'ingress',
    namespace: 'ingress',
    replicas: 2,
    priority: 'shop-critical',
    role: 'ingress',
    readyPath: '/healthz',
    nodePort: 30081,
    rules: [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] }],
  },
  {
    name: 'monitor',
    namespace: 'monitoring',
    replicas: 1,
    priority: 'shop-ordinary',
    role: 'monitor',
    readyPath: '/',
    nodePort: 30082,
    rules: [
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
      { nonResourceURLs: ['/metrics'], verbs: ['get'] },
    ],
  },
];

const port = 8080;

/** Namespaces, priorities, accounts: to be there, with the tokens filled, before the pods. */
export function applicationFoundation(): KubeObject[] {
  const priority = (name: string, value: number): KubeObject => priorityClass(name, value, 'Says in which order applications are rolled.');
  const namespaces = [...new Set(applications.map(({ namespace }) => namespace))];
  return [
    priority('shop-critical', 200_000),
    priority('shop-ordinary', 50_000),
    priority('shop-optional', 500),
    ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
    ...applications.flatMap(({ name, namespace, rules }) => {
      if (rules === undefined) return [];
      const { account, secret } = legacyAccount(namespace, name);
      return [account, secret, ...clusterGrant(namespace, name, rules)];
    }),
  ];
}

/** The Secrets that must hold a token before pods that live on it are made. */
export function tokensOfApplications(): { readonly namespace: string; readonly name: string }[] {
  return applications.filter(({ rules }) => rules !== undefined).map(({ name, namespace }) => ({ namespace, name: tokenSecretOf(name) }));
}

function deployment(application: Application, image: string): KubeObject {
  const { name, namespace, replicas } = application;
  const labels = { app: name };
  const token = application.rules === undefined ? undefined : onSecret(tokenSecretOf(name));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          automountServiceAccountToken: false,
          ...(token === undefined ? {} : { serviceAccountName: name }),
          priorityClassName: application.priority,
          terminationGracePeriodSeconds: 5,
          topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: { matchLabels: labels } }],
          containers: [
            {
              name,
              image,
              imagePullPolicy: 'Never',
              args: [application.role],
              env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
              ports: [{ containerPort: port }],
              resources: { requests: { cpu: '10m', memory: '32Mi' } },
              readinessProbe: { httpGet: { path: application.readyPath, port }, periodSeconds: 2, timeoutSeconds: 2 },
              ...(token === undefined ? {} : { volumeMounts: [token.mount] }),
            },
          ],
          ...(token === undefined ? {} : { volumes: [token.volume] }),
        },
      },
    },
  };
}

function service({ name, namespace, nodePort }: Application): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      ...(nodePort === undefined ? {} : { type: 'NodePort' }),
      selector: { app: name },
      ports: [{ port, ...(nodePort === undefined ? {} : { nodePort }) }],
    },
  };
}

export function applicationObjects(image: string): KubeObject[] {
  return applications.flatMap((application) => [service(application), deployment(application, image)]);
}

/** Pods that live on some of the many token Secrets: the first of each of these namespaces. */
const tenants = ['tokens-1', 'tokens-2', 'tokens-3', 'tokens-4'];

/** The program that feels a rotation, once for each tenant, on a legacy token instead of a projected one. */
export function tenantObjects(feltImage: string): KubeObject[] {
  const rbac = 'rbac.authorization.k8s.io';
  const token = onSecret('token-1');
  const labels = { app: 'tenant', felt: 'program' };
  return tenants.flatMap((namespace) => [
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: { name: 'tenant', namespace },
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list', 'watch', 'create', 'patch'] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'tenant', namespace },
      roleRef: { apiGroup: rbac, kind: 'Role', name: 'tenant' },
      subjects: [{ kind: 'ServiceAccount', name: tokenHolder, namespace }],
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'tenant', namespace, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'tenant' } },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: tokenHolder,
            ...token.pod,
            priorityClassName: 'shop-ordinary',
            terminationGracePeriodSeconds: 10,
            containers: [
              {
                name: 'tenant',
                image: feltImage,
                imagePullPolicy: 'Never',
                env: [
                  { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                  { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
                  { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
                  { name: 'FELT_WORKLOAD', value: 'tenant' },
                ],
                resources: { requests: { cpu: '10m', memory: '32Mi' } },
                volumeMounts: [token.mount],
              },
            ],
            volumes: [token.volume],
          },
        },
      },
    },
  ]);
}
