/** GET of one object and lists, with pages and selectors. */

import { apiVersionOf, type Resource } from './resource-table.js';
import { badRequest, expired, notFound } from './status.js';
import type { Asked, Handled } from './served-api.js';
import { itemJson, jsonOf, ok } from './served-api.js';
import { fieldSelector, labelSelector, type Matches } from './selectors.js';
import type { StoredObject } from './store.js';
import { tableOf, wantsTable } from './tables.js';

export function mustGet(asked: Asked, resource: Resource): StoredObject {
  const { namespace, name } = asked.info;
  const found = asked.api.store.get({ apiVersion: apiVersionOf(resource), kind: resource.kind, name, ...(resource.namespaced ? { namespace } : {}) });
  if (found === undefined) throw notFound(resource, name);
  return found;
}

export function getObject(asked: Asked, resource: Resource): Handled {
  const object = mustGet(asked, resource);
  if (wantsTable(asked.headers)) return ok(tableOf(resource, [object], object.metadata.resourceVersion));
  return { status: 200, text: jsonOf(object), contentType: 'application/json' };
}

/** What a list, watch or deletecollection selects. Throws 400. */
export function selection(asked: Asked, resource: Resource): Matches {
  const { query, namespace, name } = asked.info;
  const fields = fieldSelector(query.get('fieldSelector'), resource.kind);
  const labels = labelSelector(query.get('labelSelector'));
  return (object) =>
    (namespace === '' || !resource.namespaced || object.metadata.namespace === namespace) &&
    (name === '' || object.metadata.name === name) &&
    (fields?.(object) ?? true) &&
    (labels?.(object) ?? true);
}

export function selected(asked: Asked, resource: Resource): StoredObject[] {
  const { namespace } = asked.info;
  const all = asked.api.store.list({ apiVersion: apiVersionOf(resource), kind: resource.kind, ...(resource.namespaced && namespace !== '' ? { namespace } : {}) });
  return all.filter(selection(asked, resource));
}

interface Continue {
  readonly v: string;
  readonly rv: number;
  readonly start: string;
}

export function listObjects(asked: Asked, resource: Resource): Handled {
  const { query } = asked.info;
  const { store } = asked.api;
  const limit = Number(query.get('limit') ?? '0');
  const from = readContinue(query.get('continue'), store.since.bind(store));
  const found = selected(asked, resource).filter((object) => from === undefined || keyOf(object) > from.start);
  const page = limit > 0 ? found.slice(0, limit) : found;
  const left = found.length - page.length;
  const last = page[page.length - 1];
  const revision = from?.rv ?? store.revision;
  const next: Continue | undefined = left > 0 && last !== undefined ? { v: 'meta.k8s.io/v1', rv: revision, start: keyOf(last) } : undefined;
  const metadata = {
    resourceVersion: String(revision),
    ...(next === undefined ? {} : { continue: Buffer.from(JSON.stringify(next)).toString('base64url'), remainingItemCount: left }),
  };
  if (wantsTable(asked.headers)) return ok({ ...tableOf(resource, page, metadata.resourceVersion), metadata });
  const head = JSON.stringify({ kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata }).slice(0, -1);
  return { status: 200, text: `${head},"items":[${page.map(itemJson).join(',')}]}`, contentType: 'application/json' };
}

function readContinue(text: string | null, since: (revision: number) => unknown): Continue | undefined {
  if (text === null || text === '') return undefined;
  try {
    const read = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Continue;
    if (since(read.rv) !== undefined) return read;
  } catch {
    throw badRequest(`continue key is not valid: ${text}`);
  }
  throw expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
  );
}

function keyOf({ metadata }: StoredObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
