/** Reads every kind of object that may hold a CA. */

import type { ObjectRecord } from '../../domain/cluster/inventory.js';
import type { CallOptions, Kube, KubeObject } from '../../ports/kube.js';
import type { CertificatePool } from '../certificate-pool.js';
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

/** Every object of these kinds, as the API has them; a kind that is refused is left out and collected. */
export async function listObjects(kube: Kube, options: CallOptions, collect: (kind: string, error: unknown) => undefined): Promise<KubeObject[]> {
  const lists = await Promise.all(
    kindsWithCas.map((kind) =>
      kube
        .list(kind, options)
        .then((objects) => objects.map((object) => ({ ...object, ...kind })))
        .catch((error: unknown) => collect(kind.kind, error)),
    ),
  );
  return lists.flatMap((objects) => objects ?? []);
}

/** In a fixed order: by kind, namespace, name, field. Certificates go into the pool. */
export function recordsIn(objects: readonly KubeObject[], pool: CertificatePool): ObjectRecord[] {
  return kindsWithCas.flatMap(({ kind }) =>
    objects
      .filter((object) => object.kind === kind)
      .flatMap((object) => certificatesIn(object, pool))
      .toSorted(byText(keyOf)),
  );
}

function keyOf({ namespace, name, field }: ObjectRecord): string {
  return [namespace, name, field].join('\0');
}
