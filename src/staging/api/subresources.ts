/** Paths below an object: status, scale, approval, eviction, binding, token, finalize. */

import { isReady } from '../controllers/workload-objects.js';
import type { Resource } from './resource-table.js';
import { mustGet } from './read-objects.js';
import { objectSelector } from './selectors.js';
import { type Asked, type Handled, jsonBody, ok } from './served-api.js';
import { ApiError, badRequest, internalError, methodNotAllowed, unknownResource } from './status.js';
import { boundClaims, signToken } from './service-account-tokens.js';
import type { NewObject, StoredObject } from './store.js';
import { type DeleteOptions, patchObject, refusable, remove, write } from './write-objects.js';

type Map = Record<string, unknown>;

/** Throws 404 for a subresource that the kind does not have, 405 for a verb that it does not have. */
export async function serveSubresource(asked: Asked, resource: Resource): Promise<Handled> {
  const { subresource } = asked.info;
  if (!resource.subresources.includes(subresource)) throw unknownResource();
  if (asked.method === 'GET' && ['status', 'approval'].includes(subresource)) return ok(mustGet(asked, resource));
  if (subresource === 'status' || subresource === 'approval' || subresource === 'finalize') return writePart(asked, resource, subresource);
  if (subresource === 'scale') return scale(asked, resource);
  if (asked.method !== 'POST') throw methodNotAllowed();
  if (subresource === 'eviction') return evict(asked, resource);
  if (subresource === 'binding') return bind(asked, resource);
  if (subresource === 'token') return token(asked, resource);
  // exec, attach and port-forward need a websocket to the kubelet.
  throw new ApiError(501, 'NotImplemented', `${subresource} is not served: the staging API server has no streaming connections to kubelets`);
}

async function writePart(asked: Asked, resource: Resource, part: 'status' | 'approval' | 'finalize'): Promise<Handled> {
  const writer = async (_asked: Asked, _resource: Resource, before: StoredObject, given: NewObject): Promise<StoredObject> =>
    write(asked, resource, partial(resource, part, before, given));
  if (asked.method === 'PATCH') return patchObject(asked, resource, writer);
  if (asked.method !== 'PUT') throw methodNotAllowed();
  const before = mustGet(asked, resource);
  const given = jsonBody(asked) as unknown as NewObject;
  return ok(
    await writer(asked, resource, before, {
      ...given,
      metadata: { ...given.metadata, name: before.metadata.name, ...(resource.namespaced ? { namespace: asked.info.namespace } : {}) },
    }),
  );
}

/** Only the part that the path names is taken from what is given, with the metadata. */
function partial(resource: Resource, part: 'status' | 'approval' | 'finalize', before: StoredObject, given: NewObject): NewObject {
  const { ownerReferences: _, deletionTimestamp: __, ...metadata } = given.metadata;
  const { ownerReferences } = before.metadata;
  const kept = { ...before, metadata: { ...metadata, ...(ownerReferences === undefined ? {} : { ownerReferences }) } } as NewObject;
  if (part === 'finalize') return { ...kept, spec: given.spec };
  if (resource.kind !== 'CertificateSigningRequest') return { ...kept, status: given.status };
  const [was, is] = [before.status, given.status].map((status) => (status ?? {}) as { conditions?: readonly { type: string }[]; certificate?: string });
  const decision = (one: { type: string }): boolean => one.type === 'Approved' || one.type === 'Denied';
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const stamped = (list: readonly { type: string }[] | undefined): Map[] =>
    (list ?? []).map((one) => ({ lastTransitionTime: now, ...one, lastUpdateTime: (one as Map).lastUpdateTime ?? now }));
  if (part === 'approval')
    return {
      ...kept,
      status: { ...was, conditions: [...(was?.conditions ?? []).filter((one) => !decision(one)), ...stamped(is?.conditions).filter((one) => decision(one as { type: string }))] },
    };
  return { ...kept, status: { ...is, conditions: [...(was?.conditions ?? []).filter(decision), ...stamped(is?.conditions).filter((one) => !decision(one as { type: string }))] } };
}

async function scale(asked: Asked, resource: Resource): Promise<Handled> {
  const object = mustGet(asked, resource);
  if (asked.method === 'GET') return ok(scaleOf(object));
  const replicas = (body: Map): number => Number((body.spec as { replicas?: number } | undefined)?.replicas ?? 0);
  const put = (count: number): StoredObject => write(asked, resource, { ...object, spec: { ...(object.spec as Map), replicas: count } } as NewObject);
  if (asked.method === 'PUT' || asked.method === 'PATCH') return ok(scaleOf(put(replicas(jsonBody(asked)))));
  throw methodNotAllowed();
}

function scaleOf(object: StoredObject): Map {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const [spec, status] = [object.spec, object.status].map((part) => (part ?? {}) as { replicas?: number });
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0 },
  };
}

/** k/k pkg/registry/core/pod/storage/eviction.go. */
function evict(asked: Asked, resource: Resource): Handled {
  const pod = mustGet(asked, resource);
  const { deleteOptions = {} } = jsonBody(asked) as { deleteOptions?: DeleteOptions };
  const { store } = asked.api;
  const evicted: Handled = { status: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
  const { phase } = (pod.status ?? {}) as { phase?: string };
  const free = pod.metadata.deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending';
  const budgets = store
    .list({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace: asked.info.namespace })
    .filter((one) => objectSelector((one.spec as Map | undefined)?.selector, pod.metadata.labels ?? {}));
  if (!free && budgets.length > 1) throw internalError('This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.');
  const [budget] = budgets;
  if (!free && budget !== undefined) takeFrom(asked, budget, pod);
  remove(asked, resource, pod, deleteOptions);
  return evicted;
}

interface BudgetStatus {
  readonly disruptionsAllowed?: number;
  readonly currentHealthy?: number;
  readonly desiredHealthy?: number;
  readonly observedGeneration?: number;
  readonly disruptedPods?: Readonly<Record<string, string>>;
}

function takeFrom(asked: Asked, budget: StoredObject, pod: StoredObject): void {
  const status = (budget.status ?? {}) as BudgetStatus;
  const { name } = budget.metadata;
  const healthy = status.currentHealthy ?? 0;
  const desired = status.desiredHealthy ?? 0;
  // A pod that is not healthy costs nothing while the budget is kept without it.
  if (!isReady(pod) && desired > 0 && healthy >= desired) return;
  const blocked = (message: string): ApiError =>
    new ApiError(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", { causes: [{ reason: 'DisruptionBudget', message }] });
  if ((status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) throw blocked(`The disruption budget ${name} is still being processed by the server.`);
  if ((status.disruptionsAllowed ?? 0) < 1) throw blocked(`The disruption budget ${name} needs ${desired} healthy pods and has ${healthy} currently`);
  if (asked.info.query.get('dryRun') === 'All') return;
  const disrupted = { ...status.disruptedPods, [pod.metadata.name]: new Date(asked.api.nowMs()).toISOString() };
  asked.api.store.update({ ...budget, status: { ...status, disruptionsAllowed: (status.disruptionsAllowed ?? 0) - 1, disruptedPods: disrupted } } as NewObject);
}

function bind(asked: Asked, resource: Resource): Handled {
  const pod = mustGet(asked, resource);
  const { target } = jsonBody(asked) as { target?: { name?: string } };
  const spec = (pod.spec ?? {}) as { nodeName?: string };
  if ((spec.nodeName ?? '') !== '')
    throw new ApiError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on pods/binding "${pod.metadata.name}": pod ${pod.metadata.name} is already assigned to node "${spec.nodeName}"`,
    );
  const status = (pod.status ?? {}) as { conditions?: readonly Map[] };
  const scheduled = { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z') };
  refusable(resource, pod.metadata.name, () =>
    asked.api.store.update({ ...pod, spec: { ...spec, nodeName: target?.name ?? '' }, status: { ...status, conditions: [...(status.conditions ?? []), scheduled] } } as NewObject),
  );
  return { status: 201, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } };
}

/** Tokens of pods live for a year while they tell of an hour: --service-account-extend-token-expiration (registry/core/serviceaccount/storage/token.go). */
const extendedSeconds = 3607;
const yearSeconds = 365 * 24 * 3600;

function token(asked: Asked, resource: Resource): Handled {
  const { api } = asked;
  const account = mustGet(asked, resource);
  const request = jsonBody(asked) as { spec?: { audiences?: readonly string[]; expirationSeconds?: number; boundObjectRef?: { kind?: string; name?: string; uid?: string } } };
  const audiences = (request.spec?.audiences ?? []).length > 0 ? (request.spec?.audiences ?? []) : api.audiences;
  const seconds = request.spec?.expirationSeconds ?? 3600;
  if (seconds < 600)
    throw new ApiError(
      422,
      'Invalid',
      `TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: ${seconds}: may not specify a duration less than 10 minutes`,
    );
  const ref = request.spec?.boundObjectRef;
  const { namespace = '', name, uid } = account.metadata;
  const object = ref === undefined ? undefined : api.store.get({ apiVersion: 'v1', kind: ref.kind ?? '', name: ref.name ?? '', ...(ref.kind === 'Node' ? {} : { namespace }) });
  if (ref !== undefined && object === undefined) throw new ApiError(404, 'NotFound', `${(ref.kind ?? '').toLowerCase()}s "${ref.name ?? ''}" not found`);
  if (ref?.uid !== undefined && ref.uid !== object?.metadata.uid)
    throw new ApiError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${(ref.kind ?? '').toLowerCase()}s "${ref.name ?? ''}": the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  if (object?.kind === 'Pod' && ((object.spec as Map).serviceAccountName ?? 'default') !== name)
    throw badRequest(`cannot bind token for serviceaccount "${name}" to pod running with different serviceaccount name.`);
  const now = Math.floor(api.nowMs() / 1000);
  const extended = seconds === extendedSeconds && object?.kind === 'Pod' && audiences.some((audience) => api.audiences.includes(audience));
  const node = object?.kind === 'Pod' ? api.store.get({ apiVersion: 'v1', kind: 'Node', name: String((object.spec as Map).nodeName ?? '') }) : undefined;
  const signed = signToken(
    api.signingKey,
    boundClaims({
      issuer: api.issuers[0] ?? '',
      audiences,
      namespace,
      serviceAccount: { name, uid },
      now,
      expires: now + (extended ? yearSeconds : seconds),
      ...(object === undefined ? {} : { boundTo: { kind: object.kind, name: object.metadata.name, uid: object.metadata.uid } }),
      ...(node === undefined ? {} : { node: { name: node.metadata.name, uid: node.metadata.uid } }),
      ...(extended ? { warnAfter: now + seconds } : {}),
    }),
  );
  const body = {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name, namespace, creationTimestamp: new Date(now * 1000).toISOString().replace('.000Z', 'Z') },
    spec: { audiences, expirationSeconds: seconds, boundObjectRef: ref ?? null },
    status: { token: signed, expirationTimestamp: new Date((now + seconds) * 1000).toISOString().replace('.000Z', 'Z') },
  };
  return { status: 201, body };
}
