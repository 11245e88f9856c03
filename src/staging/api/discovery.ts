/** Lists of groups, versions and resources, as kubectl asks for them when it does not know the aggregated form. */

import { apiVersionOf, type Resource, reviews, splitApiVersion } from './resource-table.js';
import { servedResources } from './served-resources.js';
import type { Handled, ServedApi } from './served-api.js';
import { ok } from './served-api.js';

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** undefined: the path is not one of discovery. */
export function discover(api: ServedApi, path: string, version: string): Handled | undefined {
  const at = path.replace(/\/$/, '');
  const all = servedResources(api.store);
  if (at === '/version') return { status: 200, text: `${JSON.stringify(versionInfo(version), undefined, 2)}`, contentType: 'application/json' };
  if (at === '/api') return ok({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: `${api.node.address}:6443` }] });
  if (at === '/apis') return ok({ kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(all).map((group) => groupOf(all, group)) });
  const [, root, group = '', name] = /^\/(api|apis)\/([^/]+)(?:\/([^/]+))?$/.exec(at) ?? [];
  if (root === 'api' && group === 'v1' && name === undefined) return ok(resourceList(all, 'v1'));
  if (root !== 'apis' || !groupsOf(all).includes(group)) return undefined;
  if (name === undefined) return ok({ kind: 'APIGroup', apiVersion: 'v1', ...groupOf(all, group) });
  return groupOf(all, group).versions.some((one) => one.version === name) ? ok(resourceList(all, `${group}/${name}`)) : undefined;
}

function groupsOf(all: readonly Resource[]): string[] {
  const named = [...all.map((resource) => resource.group), ...[...reviews.keys()].map((apiVersion) => splitApiVersion(apiVersion).group)];
  return [...new Set(named.filter((group) => group !== ''))];
}

function groupOf(all: readonly Resource[], group: string): { name: string; versions: { groupVersion: string; version: string }[]; preferredVersion: unknown } {
  const of = [...all, ...[...reviews.keys()].map(splitApiVersion)].filter((resource) => resource.group === group).map(({ version }) => version);
  const versions = [...new Set(of)].map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}

function resourceList(all: readonly Resource[], apiVersion: string): Record<string, unknown> {
  const resources = all
    .filter((resource) => apiVersionOf(resource) === apiVersion)
    .flatMap((resource) => {
      const { plural: name, singular: singularName, namespaced, kind, shortNames } = resource;
      const whole = { name, singularName, namespaced, kind, verbs, ...(shortNames.length === 0 ? {} : { shortNames }) };
      return [whole, ...resource.subresources.map((sub) => ({ name: `${name}/${sub}`, singularName: '', namespaced, ...kindOfSubresource(kind, sub), verbs: verbsOf(sub) }))];
    });
  const asked = (reviews.get(apiVersion) ?? []).map(({ kind, plural: name, namespaced }) => ({ name, singularName: kind.toLowerCase(), namespaced, kind, verbs: ['create'] }));
  return { kind: 'APIResourceList', ...(apiVersion === 'v1' ? {} : { apiVersion: 'v1' }), groupVersion: apiVersion, resources: [...resources, ...asked] };
}

function kindOfSubresource(kind: string, sub: string): Record<string, string> {
  if (sub === 'eviction') return { group: 'policy', version: 'v1', kind: 'Eviction' };
  if (sub === 'scale') return { group: 'autoscaling', version: 'v1', kind: 'Scale' };
  if (sub === 'token') return { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };
  if (sub === 'binding') return { kind: 'Binding' };
  if (sub === 'proxy') return { kind: 'NodeProxyOptions' };
  if (['exec', 'attach', 'portforward'].includes(sub)) return { kind: `Pod${sub[0]?.toUpperCase() ?? ''}${sub.slice(1)}Options` };
  return { kind };
}

function verbsOf(sub: string): string[] {
  if (['eviction', 'binding', 'token'].includes(sub)) return ['create'];
  if (sub === 'log') return ['get'];
  if (['exec', 'attach', 'portforward'].includes(sub)) return ['create', 'get'];
  return ['get', 'patch', 'update'];
}

function versionInfo(gitVersion: string): Record<string, string> {
  const [, major = '1', minor = '34'] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion,
    gitCommit: '0000000',
    gitTreeState: 'clean',
    buildDate: '2026-01-01T00:00:00Z',
    goVersion: 'go1.24.0',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}
