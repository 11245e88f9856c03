/** What a request asks for, from its path, method and query: apiserver pkg/endpoints/request/requestinfo.go. */

import { badRequest } from './status.js';

export interface RequestInfo {
  readonly isResource: boolean;
  readonly path: string;
  readonly query: URLSearchParams;
  /** get, list, watch, create, update, patch, delete, deletecollection; of other paths the method in lower case. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  /** Plural. */
  readonly resource: string;
  readonly name: string;
  readonly subresource: string;
  /** What follows the subresource: the path behind a proxy. */
  readonly rest: string;
}

const verbs: Readonly<Record<string, string>> = { GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

export function requestInfo(method: string, url: string): RequestInfo {
  const [path = '/', search = ''] = url.split(/\?(.*)/s);
  const query = new URLSearchParams(search);
  const plain: RequestInfo = {
    isResource: false,
    path,
    query,
    verb: method.toLowerCase(),
    group: '',
    version: '',
    namespace: '',
    resource: '',
    name: '',
    subresource: '',
    rest: '',
  };
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decoded);
  const [root, ...below] = parts;
  if (root !== 'api' && root !== 'apis') return plain;
  const [group, version, ...resource] = root === 'api' ? ['', ...below] : below;
  if (version === undefined || resource.length === 0) return plain;

  let namespace = '';
  let place: readonly string[] = resource;
  if (place[0] === 'namespaces' && place[1] !== undefined) {
    namespace = place[1];
    // "namespaces/x" and its own subresources are about the namespace itself.
    if (place[2] !== undefined && place[2] !== 'status' && place[2] !== 'finalize') place = place.slice(2);
  }
  const [plural = '', name = '', subresource = ''] = place;
  const named = name === '' ? (/(?:^|,)metadata\.name==?([^,]+)/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '') : name;
  let verb = verbs[method] ?? method.toLowerCase();
  if (verb === 'get' && name === '') verb = isTrue(query.get('watch')) ? 'watch' : 'list';
  else if (verb === 'get' && isTrue(query.get('watch')) && subresource === '') verb = 'watch';
  if (verb === 'delete' && name === '') verb = 'deletecollection';
  const listed = verb === 'list' || verb === 'watch' || verb === 'deletecollection';
  return {
    ...plain,
    isResource: true,
    verb,
    group: group ?? '',
    version,
    namespace,
    resource: plural,
    name: listed ? named : name,
    subresource,
    rest: place.slice(3).join('/'),
  };
}

/** Query values as Go's conversion reads booleans. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value !== 'false';
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`invalid URL escape "${part}"`);
  }
}
