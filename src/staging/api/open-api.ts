/** As much of OpenAPI v3 as kubectl needs before it creates or applies: which kinds are there, and that the server checks fields. */

import { apiVersionOf, type Resource } from './resource-table.js';
import type { Handled, ServedApi } from './served-api.js';
import { ok } from './served-api.js';
import { servedResources } from './served-resources.js';

/** undefined: another path. */
export function openApi(api: ServedApi, path: string): Handled | undefined {
  if (path !== '/openapi/v3' && !path.startsWith('/openapi/v3/')) return undefined;
  const all = servedResources(api.store);
  const roots = [...new Set(all.map(rootOf))];
  if (path === '/openapi/v3') return ok({ paths: Object.fromEntries(roots.map((root) => [root, { serverRelativeURL: `/openapi/v3/${root}` }])) });
  const root = path.slice('/openapi/v3/'.length);
  if (!roots.includes(root)) return undefined;
  const paths = Object.fromEntries(all.filter((resource) => rootOf(resource) === root).map(patchOf));
  return ok({ openapi: '3.0.0', info: { title: 'Kubernetes', version: api.context.spec.version }, paths, components: { schemas: {} } });
}

function rootOf(resource: Resource): string {
  return `${resource.group === '' ? 'api' : 'apis'}/${apiVersionOf(resource)}`;
}

function patchOf(resource: Resource): [path: string, item: unknown] {
  const { group, version, kind, plural, namespaced } = resource;
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } }));
  const patch = { parameters, responses: { '200': { description: 'OK' } }, 'x-kubernetes-action': 'patch', 'x-kubernetes-group-version-kind': { group, kind, version } };
  return [`/${rootOf(resource)}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}/{name}`, { patch }];
}
