/** An open watch: JSON lines until its time is over, the client goes or the server stops. */

import type { ServerResponse } from 'node:http';
import { apiVersionOf, type Resource } from './resource-table.js';
import { selection, selected } from './read-objects.js';
import { nodeNameIn } from './selectors.js';
import { isTrue } from './request-info.js';
import type { Asked } from './served-api.js';
import { jsonOf } from './served-api.js';
import { badRequest, expired } from './status.js';
import type { StoredObject, StoreEvent } from './store.js';
import { tableOf, wantsTable } from './tables.js';

/** apiserver --min-request-timeout: between once and twice this, drawn for each watch. */
const minSeconds = 1800;
/** Bookmarks come about once a minute. */
const bookmarkMs = 60_000;

/** Answers by itself; resolves when the watch has begun. Throws what is to be answered instead. */
export function watchObjects(asked: Asked, resource: Resource, response: ServerResponse): void {
  const { api, info } = asked;
  const { query } = info;
  const matches = selection(asked, resource);
  const asTable = wantsTable(asked.headers);
  const given = query.get('resourceVersion') ?? '';
  if (!/^\d*$/.test(given)) throw badRequest(`Invalid value: "${given}": strconv.ParseUint: parsing "${given}": invalid syntax`);
  const initial = isTrue(query.get('sendInitialEvents'));
  const seconds = Number(query.get('timeoutSeconds') ?? '0') || minSeconds * (1 + Math.random());
  const known = new Set<string>();

  const line = (type: string, object: unknown): void => {
    response.write(`{"type":"${type}","object":${typeof object === 'string' ? object : JSON.stringify(object)}}\n`);
  };
  const send = (type: StoreEvent['type'], object: StoredObject): void => {
    line(type, asTable ? tableOf(resource, [object], object.metadata.resourceVersion) : jsonOf(object));
  };
  const bookmark = (annotations?: Record<string, string>): void => {
    const metadata = { resourceVersion: String(api.watches.revision), ...(annotations === undefined ? {} : { annotations }) };
    line('BOOKMARK', { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata });
  };
  /** An object that leaves the selection is gone for this watch (cacher: filterWithAttrs). */
  const pass = ({ type, object }: StoreEvent): void => {
    const fits = matches(object);
    const { uid } = object.metadata;
    if (type === 'DELETED') {
      if (fits || known.has(uid)) send(type, object);
      known.delete(uid);
    } else if (fits) {
      send(known.has(uid) || type === 'ADDED' ? type : 'ADDED', object);
      known.add(uid);
    } else if (known.delete(uid)) send('DELETED', object);
  };

  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const missed = given === '' || given === '0' || initial ? [] : api.store.since(Number(given));
  if (missed === undefined) {
    line('ERROR', expired(`too old resource version: ${given} (${api.store.revision})`).body());
    response.end();
    return;
  }
  for (const object of selected(asked, resource)) {
    known.add(object.metadata.uid);
    if (given === '' || given === '0' || initial) send('ADDED', object);
  }
  if (initial) bookmark({ 'k8s.io/initial-events-end': 'true' });
  // What was there before the events that are replayed is not known any more: all of them may have been seen.
  const born = new Set<string>();
  for (const event of missed) {
    if (event.object.apiVersion !== apiVersionOf(resource) || event.object.kind !== resource.kind || event.revision > api.watches.revision) continue;
    const { uid } = event.object.metadata;
    // One that came to be only then was seen by nobody: not fitting yet is not gone.
    if (event.type === 'ADDED') known.delete(uid);
    else if (!born.has(uid)) known.add(uid);
    if (event.type === 'ADDED') born.add(uid);
    pass(event);
  }

  const ends: (() => void)[] = [];
  const end = (): void => {
    for (const one of ends.splice(0)) one();
    response.end();
  };
  ends.push(api.watches.follow(apiVersionOf(resource), resource.kind, pass, resource.kind === 'Pod' ? nodeNameIn(query.get('fieldSelector')) : undefined));
  ends.push(api.context.clock.after(seconds * 1000, end));
  if (isTrue(query.get('allowWatchBookmarks'))) ends.push(api.context.clock.every(bookmarkMs, () => bookmark()));
  ends.push(api.watches.onLost(end));
  response.on('close', end);
}
