/** Calls of controllers to the API: objects in, objects out; what is refused becomes an ApiRefusal. */

import type { StoredObject } from '../api/store.js';
import type { StagingClient } from '../client/staging-client.js';
import { pathOf, resourceOf, type Where } from './resources.js';

/** An answer that is no success. `status` is that of HTTP. */
export class ApiRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What a controller writes; uid, resourceVersion and times are the API's. */
export type Draft = Readonly<Record<string, unknown>> & { readonly metadata: Readonly<Record<string, unknown>> };

export interface KubeCalls {
  /** undefined: there is none. */
  get(kind: string, where: Where & { readonly name: string }): Promise<StoredObject | undefined>;
  list(kind: string, where?: Where, query?: string): Promise<StoredObject[]>;
  create(kind: string, where: Where, draft: Draft): Promise<StoredObject>;
  /** A metadata.resourceVersion in it is a condition: 409 if it is not the current one. */
  replace(kind: string, where: Where & { readonly name: string }, object: Draft): Promise<StoredObject>;
  /** Merge patch (RFC 7386). */
  patch(kind: string, where: Where & { readonly name: string }, patch: unknown): Promise<StoredObject>;
  /** Gone already is no failure. `graceSeconds` 0 is what a kubelet says when the pod has ended. */
  remove(kind: string, where: Where & { readonly name: string }, options?: { readonly uid?: string; readonly graceSeconds?: number }): Promise<void>;
}

/** A request that hangs is given up after this, wall clock: a busy machine is no broken cluster. */
const patienceMs = 5_000;

export function kubeCalls(client: StagingClient, timeoutMs = patienceMs): KubeCalls {
  async function call(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<StoredObject & { readonly items?: StoredObject[] }> {
    const answer = await client.request(method, path, {
      timeoutMs,
      ...(body === undefined ? {} : { body }),
      ...(method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}),
    });
    if (answer.status < 200 || answer.status > 299) throw new ApiRefusal(answer.status, `${method} ${path}: HTTP ${answer.status}: ${messageOf(answer.body)}`);
    return JSON.parse(answer.body === '' ? '{}' : answer.body) as StoredObject;
  }

  function complete(kind: string, object: Draft): Record<string, unknown> {
    return { apiVersion: resourceOf(kind).apiVersion, kind, ...object };
  }

  return {
    async get(kind, where) {
      try {
        return await call('GET', pathOf(kind, where));
      } catch (error) {
        if (error instanceof ApiRefusal && error.status === 404) return undefined;
        throw error;
      }
    },
    async list(kind, where = {}, query = '') {
      const { apiVersion } = resourceOf(kind);
      const list = await call('GET', `${pathOf(kind, where)}${query === '' ? '' : `?${query}`}`);
      // Items of a list carry no kind of their own.
      return (list.items ?? []).map((item) => ({ ...item, apiVersion, kind }));
    },
    create: (kind, where, draft) => call('POST', pathOf(kind, where), complete(kind, draft)),
    replace: (kind, where, object) => call('PUT', pathOf(kind, where), complete(kind, object)),
    patch: (kind, where, patch) => call('PATCH', pathOf(kind, where), patch),
    async remove(kind, where, options = {}) {
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(options.uid === undefined ? {} : { preconditions: { uid: options.uid } }),
        ...(options.graceSeconds === undefined ? {} : { gracePeriodSeconds: options.graceSeconds }),
      };
      try {
        await call('DELETE', pathOf(kind, where), body);
      } catch (error) {
        if (!(error instanceof ApiRefusal && error.status === 404)) throw error;
      }
    },
  };
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body;
  } catch {
    return body.slice(0, 200);
  }
}
