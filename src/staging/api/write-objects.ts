/** Create, replace, patch and delete of whole objects. */

import { createStore } from './memory-store.js';
import { admit } from './webhooks.js';
import { prepared } from './defaults.js';
import { applyPatch, isMap, patchTypes, readPatch } from './patches.js';
import { apiVersionOf, qualified, type Resource } from './resource-table.js';
import { mustGet, selected } from './read-objects.js';
import { type Asked, type Handled, jsonBody, ok } from './served-api.js';
import { ApiError, asApiError, badRequest, forbidden, fromRefusal, invalid, notFound } from './status.js';
import { type NewObject, type Store, type StoredObject, StoreRefusal } from './store.js';
import { validateNew, validateUpdate } from './validate.js';

/** Kinds whose PUT needs a resourceVersion (AllowUnconditionalUpdate false), and those whose PUT creates (AllowCreateOnUpdate true). */
const conditional = new Set(['Lease', 'CustomResourceDefinition', 'APIService', 'ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration', 'PodDisruptionBudget']);
const createdByPut = new Set(['Lease', 'Endpoints', 'Event']);

export async function createObject(asked: Asked, resource: Resource): Promise<Handled> {
  return { status: 201, body: await create(asked, resource, jsonBody(asked) as unknown as NewObject) };
}

export async function create(asked: Asked, resource: Resource, given: NewObject): Promise<StoredObject> {
  const { api, info, user } = asked;
  const object = placed(resource, given, info.namespace);
  if (resource.namespaced) {
    const namespace = api.store.get({ apiVersion: 'v1', kind: 'Namespace', name: info.namespace });
    if (namespace === undefined) throw notFound({ group: '', plural: 'namespaces' }, info.namespace);
    if (namespace.metadata.deletionTimestamp !== undefined) {
      throw forbidden(resource, object.metadata.name ?? '', `unable to create new content in namespace ${info.namespace} because it is being terminated`);
    }
  }
  const made = await admit(asked, resource, 'CREATE', prepared(resource, object, user, api.store), undefined);
  await validateNew(resource, made);
  return refusable(resource, made.metadata.name ?? '', () => target(asked, resource, made.metadata.name ?? '').create(made));
}

/** The body must be of the resource and of the place that the path names. */
function placed(resource: Resource, given: NewObject, namespace: string): NewObject {
  const apiVersion = apiVersionOf(resource);
  if ((given.apiVersion !== undefined && given.apiVersion !== apiVersion) || (given.kind !== undefined && given.kind !== resource.kind)) {
    const { group, version } = resource;
    throw badRequest(
      `${resource.kind} in version "${version}" cannot be handled as a ${resource.kind}: the API version in the data (${given.apiVersion}) does not match the expected API version (${group === '' ? '' : `${group}/`}${version})`,
    );
  }
  const metadata = given.metadata ?? {};
  if (!resource.namespaced) return { ...given, apiVersion, kind: resource.kind, metadata: withoutNamespace(metadata) };
  if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return { ...given, apiVersion, kind: resource.kind, metadata: { ...metadata, namespace } };
}

function withoutNamespace(metadata: NewObject['metadata']): NewObject['metadata'] {
  const { namespace: _, ...rest } = metadata;
  return rest;
}

export async function replaceObject(asked: Asked, resource: Resource): Promise<Handled> {
  const given = placed(resource, jsonBody(asked) as unknown as NewObject, asked.info.namespace);
  const { name } = asked.info;
  if (given.metadata.name !== undefined && given.metadata.name !== name) {
    throw badRequest(`the name of the object (${given.metadata.name}) does not match the name on the URL (${name})`);
  }
  const object = { ...given, metadata: { ...given.metadata, name } };
  const exists = asked.api.store.get({
    apiVersion: object.apiVersion,
    kind: object.kind,
    ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
    name,
  });
  if (exists === undefined && createdByPut.has(resource.kind)) return { status: 201, body: await create(asked, resource, object) };
  if ((object.metadata.resourceVersion ?? '') === '' && exists !== undefined && conditional.has(resource.kind)) {
    throw invalid(qualified({ ...resource }), name, [{ field: 'metadata.resourceVersion', why: 'Invalid value: 0x0: must be specified for an update' }]);
  }
  return ok(await update(asked, resource, mustGet(asked, resource), object));
}

/** A copy that may be changed. */
function open(object: StoredObject): Record<string, unknown> {
  return JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
}

/** apiserver pkg/endpoints/handlers/patch.go MaxRetryWhenPatchConflicts. */
const retriesOfPatch = 5;

export async function patchObject(asked: Asked, resource: Resource, write: typeof update = update): Promise<Handled> {
  const contentType = (asked.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  for (let retries = 0; ; retries++) {
    try {
      return await patchOnce(asked, resource, contentType, write);
    } catch (error) {
      // Somebody wrote between reading and writing: what the patch tests is tested again, on the newest object.
      const isConflict = error instanceof ApiError && error.code === 409 && contentType === patchTypes[0];
      if (!isConflict || retries >= retriesOfPatch) throw error;
    }
  }
}

async function patchOnce(asked: Asked, resource: Resource, contentType: string, write: typeof update): Promise<Handled> {
  if (contentType === 'application/strategic-merge-patch+json' && !builtInGroup(resource)) applyPatch('unknown', {}, asked.body);
  const { store } = asked.api;
  const before = store.get({ apiVersion: apiVersionOf(resource), kind: resource.kind, name: asked.info.name, ...(resource.namespaced ? { namespace: asked.info.namespace } : {}) });
  if (before === undefined) {
    if (contentType !== 'application/apply-patch+yaml') throw notFound(resource, asked.info.name);
    return { status: 201, body: await create(asked, resource, readPatch(contentType, asked.body) as NewObject) };
  }
  const patched = applyPatch(contentType, open(before), asked.body) as unknown as NewObject;
  const metadata = (patched.metadata ?? {}) as NewObject['metadata'];
  // Of the others only a version that the patch itself names is a condition.
  const condition = contentType === patchTypes[0] ? before.metadata.resourceVersion : versionIn(readPatch(contentType, asked.body));
  const { resourceVersion: _, ...rest } = metadata;
  const object = { ...patched, metadata: { ...rest, name: before.metadata.name, ...(condition === undefined ? {} : { resourceVersion: condition }) } };
  return ok(await write(asked, resource, before, placed(resource, object, asked.info.namespace)));
}

function versionIn(patch: unknown): string | undefined {
  const version = isMap(patch) && isMap(patch.metadata) ? patch.metadata.resourceVersion : undefined;
  return typeof version === 'string' ? version : undefined;
}

function builtInGroup(resource: Resource): boolean {
  return resource.group === '' || resource.group.endsWith('.k8s.io') || ['apps', 'batch', 'policy'].includes(resource.group);
}

/** The whole object but its status, which has a path of its own where the kind has that. */
export async function update(asked: Asked, resource: Resource, before: StoredObject, given: NewObject): Promise<StoredObject> {
  const kept = resource.subresources.includes('status') ? { ...(before.status === undefined ? {} : { status: before.status }) } : undefined;
  const { status, ...rest } = given;
  const object = kept === undefined ? given : ({ ...rest, ...kept } as NewObject);
  const whole = resource.kind === 'CertificateSigningRequest' ? ({ ...object, spec: before.spec } as NewObject) : object;
  const admitted = await admit(asked, resource, 'UPDATE', whole, before);
  validateUpdate(resource, before, admitted);
  return write(asked, resource, admitted);
}

/** Writes, and removes what only waited for its last finalizer. */
export function write(asked: Asked, resource: Resource, object: NewObject): StoredObject {
  const name = object.metadata.name ?? '';
  return refusable(resource, name, () => {
    const store = target(asked, resource, name);
    const written = store.update(object);
    const finalizers = (written.metadata as { finalizers?: readonly string[] }).finalizers ?? [];
    const graceful = resource.kind === 'Pod' && (written.metadata as { deletionGracePeriodSeconds?: number }).deletionGracePeriodSeconds !== 0;
    if (written.metadata.deletionTimestamp !== undefined && finalizers.length === 0 && !graceful && resource.kind !== 'Namespace') store.remove({ ...keyOf(written) });
    return written;
  });
}

function keyOf({ apiVersion, kind, metadata }: StoredObject): { apiVersion: string; kind: string; namespace?: string; name: string } {
  return { apiVersion, kind, name: metadata.name, ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }) };
}

/** The store; for a dry run a copy that holds this one object. */
function target(asked: Asked, resource: Resource, name: string, dryRun = asked.info.query.get('dryRun') === 'All'): Store {
  const { store } = asked.api;
  if (!dryRun) return store;
  const copy = createStore();
  const namespace = resource.namespaced ? { namespace: asked.info.namespace } : {};
  const object = name === '' ? undefined : store.get({ apiVersion: apiVersionOf(resource), kind: resource.kind, name, ...namespace });
  copy.load(JSON.stringify({ revision: store.revision, objects: object === undefined ? [] : [object] }));
  return copy;
}

export function refusable<T>(resource: Resource, name: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw error instanceof StoreRefusal ? fromRefusal(error, resource, name) : error;
  }
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly dryRun?: readonly string[];
}

export function deleteOptions(asked: Asked): DeleteOptions {
  const body = asked.body.trim() === '' ? {} : (jsonBody(asked) as DeleteOptions);
  const grace = asked.info.query.get('gracePeriodSeconds');
  return { ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }), ...body };
}

export async function deleteObject(asked: Asked, resource: Resource): Promise<Handled> {
  const object = mustGet(asked, resource);
  await admit(asked, resource, 'DELETE', undefined, object);
  const { gone, object: last } = remove(asked, resource, object, deleteOptions(asked));
  if (!gone || resource.kind === 'Pod' || resource.kind === 'ServiceAccount') return ok(last);
  const { group, plural: kind } = resource;
  const details = { name: object.metadata.name, ...(group === '' ? {} : { group }), kind, uid: object.metadata.uid };
  return ok({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
}

/** Pods on a node wait for their kubelet, objects with finalizers for those; all else goes at once. */
export function remove(asked: Asked, resource: Resource, object: StoredObject, options: DeleteOptions): { readonly gone: boolean; readonly object: StoredObject } {
  const { name } = object.metadata;
  const store = target(asked, resource, name, asked.info.query.get('dryRun') === 'All' || options.dryRun?.includes('All'));
  return refusable(resource, name, () => {
    const finalizers = (object.metadata as { finalizers?: readonly string[] }).finalizers ?? [];
    const grace = resource.kind === 'Pod' ? graceOf(object, options) : 0;
    if (grace === 0 && finalizers.length === 0) {
      if (resource.kind === 'Namespace') emptyNamespace(store, name);
      const last = store.remove(keyOf(object), options.preconditions);
      if (last === undefined) throw notFound(resource, name);
      return { gone: true, object: last };
    }
    const { uid, resourceVersion } = options.preconditions ?? {};
    const now = Math.floor(asked.api.nowMs() / 1000) * 1000;
    const marked = {
      ...object.metadata,
      deletionTimestamp: object.metadata.deletionTimestamp ?? new Date(now + grace * 1000).toISOString().replace('.000Z', 'Z'),
      deletionGracePeriodSeconds: grace,
      uid: uid ?? object.metadata.uid,
      resourceVersion: resourceVersion ?? object.metadata.resourceVersion,
    };
    return { gone: false, object: store.update({ ...object, metadata: marked } as NewObject) };
  });
}

/** k/k pkg/registry/core/pod/strategy.go CheckGracefulDelete. */
function graceOf(pod: StoredObject, options: DeleteOptions): number {
  const spec = (pod.spec ?? {}) as { nodeName?: string; terminationGracePeriodSeconds?: number };
  const { phase } = (pod.status ?? {}) as { phase?: string };
  if ((spec.nodeName ?? '') === '' || phase === 'Succeeded' || phase === 'Failed') return 0;
  const wanted = options.gracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
  const before = (pod.metadata as { deletionGracePeriodSeconds?: number }).deletionGracePeriodSeconds;
  return before === undefined ? wanted : Math.min(before, wanted);
}

/** The namespace controller of kube-controller-manager would do this between two states of the namespace. */
function emptyNamespace(store: Store, namespace: string): void {
  const { objects } = JSON.parse(store.dump()) as { objects: StoredObject[] };
  for (const object of objects) if (object.metadata.namespace === namespace) store.remove(keyOf(object));
}

export async function deleteCollection(asked: Asked, resource: Resource): Promise<Handled> {
  const objects = selected(asked, resource);
  const options = deleteOptions(asked);
  const deleted: StoredObject[] = [];
  for (const object of objects) {
    try {
      await admit(asked, resource, 'DELETE', undefined, object);
      deleted.push(remove(asked, resource, object, options).object);
    } catch (error) {
      // Gone in between: what was asked for.
      if (!(error instanceof ApiError) || error.code !== 404) throw asApiError(error, resource);
    }
  }
  return ok({ kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata: { resourceVersion: String(asked.api.store.revision) }, items: deleted });
}
