/** What the API server writes into objects that are created: defaults, admission, an empty status. */

import { createHash } from 'node:crypto';
import { apiVersionOf, type Resource } from './resource-table.js';
import type { User } from './authenticate.js';
import type { NewObject, Store } from './store.js';

type Map = Record<string, unknown>;

/** Nodes are registered by kubelets together with their status. */
const keepsStatusAtCreate = new Set(['Node', 'Event', 'Endpoints']);

const emptyStatus: Readonly<Record<string, Map>> = {
  Namespace: { phase: 'Active' },
  Pod: { phase: 'Pending', qosClass: 'BestEffort' },
  DaemonSet: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  StatefulSet: { replicas: 0, availableReplicas: 0 },
  ReplicaSet: { replicas: 0 },
  PodDisruptionBudget: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
};

const rolling = (extra: Map): Map => ({ type: 'RollingUpdate', rollingUpdate: extra });

const specDefaults: Readonly<Record<string, Map>> = {
  Deployment: { replicas: 1, strategy: rolling({ maxUnavailable: '25%', maxSurge: '25%' }), revisionHistoryLimit: 10, progressDeadlineSeconds: 600 },
  DaemonSet: { updateStrategy: rolling({ maxUnavailable: 1, maxSurge: 0 }), revisionHistoryLimit: 10 },
  StatefulSet: { replicas: 1, podManagementPolicy: 'OrderedReady', updateStrategy: rolling({ partition: 0 }), revisionHistoryLimit: 10 },
  ReplicaSet: { replicas: 1 },
  Job: { parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false },
  Service: { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' },
};

const podDefaults: Map = {
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  dnsPolicy: 'ClusterFirst',
  securityContext: {},
  schedulerName: 'default-scheduler',
  enableServiceLinks: true,
};

/** A copy as it is stored. `nowMs` is the server's clock. */
export function prepared(resource: Resource, given: NewObject, user: User, store: Store): NewObject {
  const object = { ...given, apiVersion: apiVersionOf(resource), kind: resource.kind } as NewObject & { status?: unknown };
  const { status, ...rest } = object;
  const withStatus = resource.subresources.includes('status') && !keepsStatusAtCreate.has(resource.kind) ? { ...rest, status: { ...emptyStatus[resource.kind] } } : object;
  const known = builtInGroups.has(resource.group) ? specDefaults[resource.kind] : undefined;
  const spec = withStatus.spec as Map | undefined;
  const defaulted = known === undefined ? withStatus : { ...withStatus, spec: { ...known, ...spec } };
  return special(resource, defaulted as NewObject, user, store);
}

const builtInGroups = new Set(['', 'apps', 'batch', 'policy']);

function special(resource: Resource, object: NewObject, user: User, store: Store): NewObject {
  const spec = (object.spec ?? {}) as Map;
  switch (`${resource.group}/${resource.kind}`) {
    case '/Namespace': {
      const labels = { 'kubernetes.io/metadata.name': object.metadata.name ?? '', ...object.metadata.labels };
      return { ...object, metadata: { ...object.metadata, labels }, spec: { finalizers: ['kubernetes'], ...spec } };
    }
    case '/Secret':
      return { ...object, type: object.type ?? 'Opaque' };
    case '/Service':
      return { ...object, spec: { ...spec, ...(spec.clusterIP === undefined && spec.type !== 'ExternalName' ? { clusterIP: clusterIp(object) } : {}) } };
    case '/Pod':
      return pod(object, spec, store);
    case 'certificates.k8s.io/CertificateSigningRequest':
      return {
        ...object,
        spec: {
          ...spec,
          username: user.name,
          groups: user.groups,
          ...(user.uid === undefined ? {} : { uid: user.uid }),
          ...(user.extra === undefined ? {} : { extra: user.extra }),
        },
      };
    case 'admissionregistration.k8s.io/ValidatingWebhookConfiguration':
    case 'admissionregistration.k8s.io/MutatingWebhookConfiguration':
      return { ...object, webhooks: ((object.webhooks ?? []) as Map[]).map((hook) => webhook(hook, resource.kind)) };
    case 'apiextensions.k8s.io/CustomResourceDefinition':
      return definition(object, spec);
    case 'apiregistration.k8s.io/APIService':
      return spec.service === undefined || spec.service === null
        ? {
            ...object,
            status: { conditions: [{ type: 'Available', status: 'True', reason: 'Local', message: 'Local APIServices are always available', lastTransitionTime: now() }] },
          }
        : object;
    default:
      return object;
  }
}

function webhook(hook: Map, kind: string): Map {
  const rules = ((hook.rules ?? []) as Map[]).map((rule) => ({ ...rule, scope: rule.scope ?? '*' }));
  return {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
    ...(kind.startsWith('Mutating') ? { reinvocationPolicy: 'Never' } : {}),
    ...hook,
    rules,
  };
}

function definition(object: NewObject, spec: Map): NewObject {
  const names = (spec.names ?? {}) as { kind?: string; singular?: string; listKind?: string; plural?: string };
  const all = { singular: (names.kind ?? '').toLowerCase(), listKind: `${names.kind ?? ''}List`, ...names };
  const stored = ((spec.versions ?? []) as { name: string; storage?: boolean }[]).filter(({ storage }) => storage === true).map(({ name }) => name);
  const conditions = [
    { type: 'NamesAccepted', status: 'True', lastTransitionTime: now(), reason: 'NoConflicts', message: 'no conflicts found' },
    { type: 'Established', status: 'True', lastTransitionTime: now(), reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' },
  ];
  return { ...object, spec: { conversion: { strategy: 'None' }, ...spec, names: all }, status: { conditions, acceptedNames: all, storedVersions: stored } };
}

/** Mirror pods of static pods are taken as the kubelet made them. */
export function isMirror(object: NewObject): boolean {
  return (object.metadata.annotations as Readonly<Record<string, string>> | undefined)?.['kubernetes.io/config.mirror'] !== undefined;
}

function pod(object: NewObject, spec: Map, store: Store): NewObject {
  const mirror = isMirror(object);
  const accountName = (spec.serviceAccountName as string | undefined) ?? 'default';
  const account = { serviceAccountName: accountName, serviceAccount: accountName };
  const filled: Map = {
    ...podDefaults,
    ...(mirror ? {} : account),
    ...priority(spec, store),
    ...spec,
    containers: containers(spec.containers),
    tolerations: tolerations(spec.tolerations, mirror),
  };
  if (spec.initContainers !== undefined) filled.initContainers = containers(spec.initContainers);
  return { ...object, spec: mirror ? filled : withToken(filled, object, store) };
}

function containers(list: unknown): Map[] {
  const defaults = { resources: {}, terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', imagePullPolicy: 'IfNotPresent' };
  return ((list ?? []) as Map[]).map((container) => ({ ...defaults, ...container }));
}

/** Admission plugin DefaultTolerationSeconds: the 300 s are stamped into the pod. */
function tolerations(list: unknown, mirror: boolean): Map[] {
  const given = (list ?? []) as Map[];
  if (mirror) return given;
  const tolerates = (key: string): boolean => given.some((one) => (one.key === key || one.key === undefined) && (one.effect === 'NoExecute' || one.effect === undefined));
  const added = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].filter((key) => !tolerates(key));
  return [...given, ...added.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }))];
}

/** Admission plugin Priority. */
function priority(spec: Map, store: Store): Map {
  const system: Readonly<Record<string, number>> = { 'system-node-critical': 2_000_001_000, 'system-cluster-critical': 2_000_000_000 };
  const name = spec.priorityClassName as string | undefined;
  if (name === undefined || name === '') return { priority: 0, preemptionPolicy: 'PreemptLowerPriority' };
  const found = store.get({ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', name });
  return { priority: system[name] ?? Number(found?.value ?? 0), preemptionPolicy: 'PreemptLowerPriority' };
}

/** Admission plugin ServiceAccount: k/k plugin/pkg/admission/serviceaccount/admission.go. */
function withToken(spec: Map, object: NewObject, store: Store): Map {
  const namespace = object.metadata.namespace ?? '';
  const account = store.get({ apiVersion: 'v1', kind: 'ServiceAccount', namespace, name: String(spec.serviceAccountName) });
  const wanted = spec.automountServiceAccountToken ?? account?.automountServiceAccountToken ?? true;
  const path = '/var/run/secrets/kubernetes.io/serviceaccount';
  const all = spec.containers as Map[];
  const mounts = (container: Map): Map[] => (container.volumeMounts ?? []) as Map[];
  if (wanted === false || all.every((container) => mounts(container).some((mount) => mount.mountPath === path))) return spec;
  const name = `kube-api-access-${createHash('sha256')
    .update(JSON.stringify([namespace, object.metadata.name ?? Math.random()]))
    .digest('hex')
    .slice(0, 5)}`;
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ];
  return {
    ...spec,
    volumes: [...((spec.volumes ?? []) as Map[]), { name, projected: { sources, defaultMode: 420 } }],
    containers: all.map((container) =>
      mounts(container).some((mount) => mount.mountPath === path) ? container : { ...container, volumeMounts: [...mounts(container), { name, readOnly: true, mountPath: path }] },
    ),
  };
}

function clusterIp(object: NewObject): string {
  const [a = 0, b = 0] = createHash('sha256')
    .update(`${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`)
    .digest();
  return `10.96.${a}.${Math.max(20, b % 255)}`;
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}
