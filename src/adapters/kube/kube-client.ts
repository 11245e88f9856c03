/** The verbs of the port `Kube` as requests. Plain HTTPS: the generated client needs an extra request for generic objects and ignores signals. */

import { fail } from '../../domain/errors.js';
import type { CallOptions, Kube, KubeObject, ObjectRef, PatchOperation } from '../../ports/kube.js';
import { type Asked, notKubernetes, refused } from './api-errors.js';
import type { Connection, Method } from './connection.js';
import type { Answer } from './exchange.js';
import { groupPath, objectPath, type Resource, type Resources } from './resources.js';

const pageSize = 500;
const relists = 3;
const rereads = 3;

type Sent = Answer & { readonly asked: Asked };

export class KubeClient implements Kube {
  readonly #connection: Connection;
  readonly #resources: Resources;

  constructor(connection: Connection, resources: Resources) {
    this.#connection = connection;
    this.#resources = resources;
  }

  get server(): string {
    return this.#connection.server;
  }

  at(server: string): Kube {
    return new KubeClient(this.#connection.at(server), this.#resources);
  }

  /** Any status is returned, none is thrown. */
  async get(path: string, options?: CallOptions): Promise<{ status: number; body: string }> {
    return this.call('GET', path, undefined, options);
  }

  /** Any status is returned, none is thrown. */
  async call(method: Method, path: string, body?: unknown, options?: CallOptions): Promise<{ status: number; body: string }> {
    const answer = await this.#connection.send({ method, path, ...(body === undefined ? {} : { body }) }, options);
    return { status: answer.status, body: answer.body };
  }

  async read(ref: ObjectRef, options?: CallOptions): Promise<KubeObject | undefined> {
    const resource = await this.#find(ref, options);
    if (resource === undefined) return undefined;
    const answer = await this.#connection.send({ method: 'GET', path: objectPath(ref.apiVersion, resource, ref) }, options);
    return answer.status === 404 ? undefined : asObject(answer);
  }

  /** A kind that the cluster does not serve has no objects. The deadline is that of each page. */
  async list(kind: { apiVersion: string; kind: string; namespace?: string; labelSelector?: string; fieldSelector?: string }, options?: CallOptions): Promise<KubeObject[]> {
    const resource = await this.#find(kind, options);
    if (resource === undefined) return [];
    const path = objectPath(kind.apiVersion, resource, kind.namespace === undefined ? {} : { namespace: kind.namespace });
    for (let attempt = 0; ; attempt += 1) {
      const pages = await this.#pages(path, kind, options);
      if (Array.isArray(pages)) return pages;
      if (attempt >= relists) throw refused(pages, pages.asked);
    }
  }

  /** All items, or the answer 410: the list is older than what etcd still has, and must be begun again. */
  async #pages(path: string, kind: { apiVersion: string; kind: string; labelSelector?: string; fieldSelector?: string }, options?: CallOptions): Promise<KubeObject[] | Sent> {
    const found: KubeObject[] = [];
    let after: string | undefined;
    do {
      const query = new URLSearchParams({ limit: String(pageSize) });
      if (kind.labelSelector !== undefined) query.set('labelSelector', kind.labelSelector);
      if (kind.fieldSelector !== undefined) query.set('fieldSelector', kind.fieldSelector);
      if (after !== undefined) query.set('continue', after);
      const answer = await this.#connection.send({ method: 'GET', path: `${path}?${query}` }, options);
      if (answer.status === 410) return answer;
      const page = asJson(answer) as { items?: unknown; metadata?: { continue?: unknown } };
      if (!Array.isArray(page.items)) throw notKubernetes(answer, answer.asked);
      // Items of a list come without the two fields that say what they are.
      for (const item of page.items) found.push({ apiVersion: kind.apiVersion, kind: kind.kind, ...(item as object) } as KubeObject);
      const next = page.metadata?.continue;
      after = typeof next === 'string' && next !== '' ? next : undefined;
    } while (after !== undefined);
    return found;
  }

  async create(object: KubeObject, options?: CallOptions): Promise<KubeObject> {
    const { namespace } = object.metadata;
    const resource = await this.#mustFind(object, options);
    if (resource.namespaced && namespace === undefined) throw new Error(`a ${object.kind} is created without a namespace`);
    const path = objectPath(object.apiVersion, resource, namespace === undefined ? {} : { namespace });
    return asObject(await this.#connection.send({ method: 'POST', path, body: object }, options));
  }

  async replace(object: KubeObject, options?: CallOptions): Promise<KubeObject> {
    const path = objectPath(object.apiVersion, await this.#mustFind(object, options), object.metadata);
    return asObject(await this.#connection.send({ method: 'PUT', path, body: object }, options));
  }

  async patch(ref: ObjectRef, patch: Readonly<Record<string, unknown>>, options: CallOptions & { readonly subresource?: string } = {}): Promise<KubeObject> {
    const { subresource } = options;
    const path = objectPath(ref.apiVersion, await this.#mustFind(ref, options), { ...ref, ...(subresource === undefined ? {} : { subresource }) });
    return asObject(await this.#connection.send({ method: 'PATCH', path, body: patch }, options));
  }

  async jsonPatch(ref: ObjectRef, operations: readonly PatchOperation[], options?: CallOptions): Promise<KubeObject | 'outdated' | 'gone'> {
    const path = objectPath(ref.apiVersion, await this.#mustFind(ref, options), ref);
    // With a version as its condition a patch is done once at most: sent again it is outdated.
    const isRepeatable = operations.some(({ op, path: at }) => op === 'test' && at === '/metadata/resourceVersion');
    const answer = await this.#connection.send({ method: 'PATCH', path, body: operations, isJsonPatch: true, isRepeatable }, options);
    if (answer.status === 404) return 'gone';
    return answer.status === 409 || doesNotApply(answer) ? 'outdated' : asObject(answer);
  }

  async remove(ref: ObjectRef, options: CallOptions & { readonly preconditionUid?: string; readonly gracePeriodSeconds?: number } = {}): Promise<void> {
    const resource = await this.#find(ref, options);
    if (resource === undefined) return;
    const { preconditionUid, gracePeriodSeconds } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(preconditionUid === undefined ? {} : { preconditions: { uid: preconditionUid } }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    };
    const answer = await this.#connection.send({ method: 'DELETE', path: objectPath(ref.apiVersion, resource, ref), body }, options);
    if (answer.status !== 404) asJson(answer);
  }

  async approve(csrName: string, reason: string, options?: CallOptions): Promise<void> {
    const path = `/apis/certificates.k8s.io/v1/certificatesigningrequests/${encodeURIComponent(csrName)}`;
    for (let attempt = 0; ; attempt += 1) {
      const request = asObject(await this.#connection.send({ method: 'GET', path }, options)) as KubeObject & { status?: { conditions?: readonly { type?: unknown }[] } };
      const conditions = request.status?.conditions ?? [];
      if (conditions.some((condition) => condition.type === 'Approved')) return;
      const approved = { type: 'Approved', status: 'True', reason: 'ApprovedByRotateCa', message: reason, lastUpdateTime: new Date().toISOString() };
      const body = { ...request, status: { ...request.status, conditions: [...conditions, approved] } };
      const answer = await this.#connection.send({ method: 'PUT', path: `${path}/approval`, body }, options);
      // The signer's controllers write to the same object; what they wrote is read again.
      if (answer.status === 409 && attempt < rereads) continue;
      asJson(answer);
      return;
    }
  }

  async evict(pod: { namespace: string; name: string; uid?: string }, options?: CallOptions): Promise<'evicted' | 'blocked' | 'gone'> {
    const { namespace, name, uid } = pod;
    const ref = { apiVersion: 'v1', kind: 'Pod', namespace, name };
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/eviction`;
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace, name },
      ...(uid === undefined ? {} : { deleteOptions: { preconditions: { uid } } }),
    };
    const answer = await this.#connection.send({ method: 'POST', path, body }, options);
    if (answer.status === 429) return 'blocked';
    if (answer.status === 404) return 'gone';
    if (answer.status === 409 && uid !== undefined && (await this.read(ref, options))?.metadata.uid !== uid) return 'gone';
    asJson(answer);
    return 'evicted';
  }

  async #find(kind: { apiVersion: string; kind: string }, options?: CallOptions): Promise<Resource | undefined> {
    return this.#resources.find(kind.apiVersion, kind.kind, async (path) => {
      const answer = await this.#connection.send({ method: 'GET', path }, options);
      if (answer.status === 404) return undefined;
      asJson(answer);
      return answer.body;
    });
  }

  async #mustFind(kind: { apiVersion: string; kind: string }, options?: CallOptions): Promise<Resource> {
    const resource = await this.#find(kind, options);
    if (resource !== undefined) return resource;
    return fail('api-refused', {
      target: this.server,
      summary: `The cluster does not know the kind "${kind.kind}" of "${kind.apiVersion}"`,
      cause: `${groupPath(kind.apiVersion)} does not list it`,
      nextAction: 'See what it knows with "kubectl api-resources"',
    });
  }
}

/** The body of a success; throws what the API said otherwise. */
function asJson(answer: Sent): object {
  if (answer.status < 200 || answer.status > 299) throw refused(answer, answer.asked);
  try {
    const body: unknown = JSON.parse(answer.body);
    if (typeof body === 'object' && body !== null) return body;
  } catch {
    // Told below.
  }
  throw notKubernetes(answer, answer.asked);
}

/** The API server says no more than this of a JSON patch that does not fit; what validation refuses has causes. */
function doesNotApply({ status, body }: Answer): boolean {
  if (status !== 422) return false;
  try {
    const { message = '', details } = JSON.parse(body) as { message?: string; details?: { causes?: readonly unknown[] } };
    return (details?.causes ?? []).length === 0 && message.startsWith('the server rejected our request due to an error in our request');
  } catch {
    return false;
  }
}

function asObject(answer: Sent): KubeObject {
  return asJson(answer) as KubeObject;
}
