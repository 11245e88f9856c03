/** Which resources are served: the table, and what CustomResourceDefinitions add to it. */

import { builtIn, type Resource } from './resource-table.js';
import type { Store, StoredObject } from './store.js';

interface Definition {
  readonly group: string;
  readonly scope: string;
  readonly names: { readonly kind: string; readonly plural: string; readonly singular?: string; readonly shortNames?: readonly string[] };
  readonly versions: readonly { readonly name: string; readonly served: boolean; readonly subresources?: Readonly<Record<string, unknown>> }[];
}

const byPath = new Map(builtIn.map((resource) => [`${resource.group}/${resource.version}/${resource.plural}`, resource]));

export function servedResources(store: Store): Resource[] {
  return [...builtIn, ...custom(store)];
}

/** undefined: there is no such resource in that version of that group. */
export function findResource(store: Store, group: string, version: string, plural: string): Resource | undefined {
  return byPath.get(`${group}/${version}/${plural}`) ?? custom(store).find((one) => one.group === group && one.version === version && one.plural === plural);
}

function custom(store: Store): Resource[] {
  return store.list({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' }).flatMap(resourcesOf);
}

function resourcesOf(object: StoredObject): Resource[] {
  const { group, scope, names, versions } = object.spec as Definition;
  return versions
    .filter(({ served }) => served)
    .map(({ name, subresources }) => ({
      group,
      version: name,
      kind: names.kind,
      plural: names.plural,
      singular: names.singular ?? names.kind.toLowerCase(),
      namespaced: scope === 'Namespaced',
      shortNames: names.shortNames ?? [],
      subresources: Object.keys(subresources ?? {}),
      generation: true,
    }));
}
