/** Reads every kind of object that may hold a CA. */

import type { ObjectRecord } from '../../domain/cluster/inventory.js';
import type { CallOptions, Kube } from '../../ports/kube.js';
import { certificatesIn } from './certificates-in.js';
import { byText } from './order.js';

export const kindsWithCas = [
  { apiVersion: 'v1', kind: 'ConfigMap' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' },
  { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
] as const;

/** In a fixed order: by kind, namespace, name, field. Throws what the port throws. */
export async function readObjects(kube: Kube, options: CallOptions): Promise<ObjectRecord[]> {
  const lists = await Promise.all(kindsWithCas.map((kind) => kube.list(kind, options).then((objects) => objects.map((object) => ({ ...object, ...kind })))));
  return lists.flatMap((objects) => objects.flatMap(certificatesIn).toSorted(byText(keyOf)));
}

function keyOf({ namespace, name, field }: ObjectRecord): string {
  return [namespace, name, field].join('\0');
}
