/** Fills the empty store of a new cluster with what kubeadm and the operator have made so far. */

import { createStore } from './api/memory-store.js';
import type { NewObject, Store } from './api/store.js';
import { rbacObjects } from './objects-rbac.js';
import { clusterObjects } from './objects-cluster.js';
import { workloadObjects } from './objects-workloads.js';
import type { Authorities } from './pki/authorities.js';
import type { ClusterSpec } from './spec.js';

/** `store` must be empty. kube-system gets the UID of the spec: the identity of a cluster. */
export function seed(store: Store, spec: ClusterSpec, authorities: Authorities, nowMs: number): void {
  seedWith(store, spec, [...clusterObjects(spec, authorities, nowMs), ...rbacObjects(spec), ...workloadObjects(spec, authorities)]);
}

/** In the order in which they can be created; of two that are the same the first counts. */
export function seedWith(store: Store, spec: ClusterSpec, objects: readonly NewObject[]): void {
  // Only a dump can set a UID.
  const draft = createStore();
  const seen = new Set<string>();
  for (const object of objects) {
    const { namespace = '', name = '' } = object.metadata;
    const key = `${object.apiVersion} ${object.kind} ${namespace}/${name}`;
    if (!seen.has(key)) draft.create(object);
    seen.add(key);
  }
  const dump = JSON.parse(draft.dump()) as { readonly objects: { readonly kind: string; readonly metadata: { readonly name: string; uid: string } }[] };
  for (const { kind, metadata } of dump.objects) if (kind === 'Namespace' && metadata.name === 'kube-system') metadata.uid = spec.uid;
  store.load(JSON.stringify(dump));
}
