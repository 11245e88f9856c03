/** Objects of others that carry a CA of the cluster, made from where an inventory found them. */

import { stringify } from 'yaml';
import type { NewObject } from './api/store.js';
import { endpointOf } from './pki/node-files.js';
import type { CaCopySpec, ClusterSpec } from './spec.js';

/** One object for each name, with all its values that hold a CA; what else it needs to be valid is as harmless as can be. */
export function copyObjects(spec: ClusterSpec, copies: readonly CaCopySpec[], authorities: Readonly<Record<CaCopySpec['ca'], { readonly certificatePem: string }>>): NewObject[] {
  const objects = new Map<string, Record<string, unknown>>();
  for (const copy of copies) {
    const { apiVersion, kind, namespace, name } = copy;
    const key = [apiVersion, kind, namespace, name].join('\0');
    const object = objects.get(key) ?? { ...skeleton(kind), apiVersion, kind, metadata: { name, ...(namespace === '' ? {} : { namespace }) } };
    objects.set(key, object);
    put(object, copy.field.split('/').slice(1).map(unescaped), encoded(spec, copy, authorities[copy.ca].certificatePem));
  }
  return [...objects.values()].map(completed) as unknown as NewObject[];
}

function encoded(spec: ClusterSpec, copy: CaCopySpec, caPem: string): string {
  const data = Buffer.from(caPem).toString('base64');
  if (copy.encoding === 'pem') return caPem;
  if (copy.encoding === 'base64-pem') return data;
  const kubeconfig = stringify(
    {
      apiVersion: 'v1',
      clusters: [{ cluster: { 'certificate-authority-data': data, server: endpointOf(spec) }, name: 'cluster' }],
      contexts: [{ context: { cluster: 'cluster', user: '' }, name: 'context' }],
      'current-context': 'context',
      kind: 'Config',
      users: [],
    },
    { lineWidth: 0 },
  );
  return copy.kind === 'Secret' ? Buffer.from(kubeconfig).toString('base64') : kubeconfig;
}

function skeleton(kind: string): Record<string, unknown> {
  return kind === 'Secret' ? { type: 'Opaque' } : {};
}

/** Webhooks must not stand in the way: they ignore failures, and are for what nobody writes. */
function completed(object: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(object.webhooks)) return object;
  const webhooks = Array.from(object.webhooks as (Record<string, unknown> | undefined)[], (webhook, index) => ({
    name: `copy-${index}.staging.rotate-ca`,
    admissionReviewVersions: ['v1'],
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    timeoutSeconds: 5,
    rules: [{ apiGroups: ['staging.rotate-ca'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['nothing'], scope: '*' }],
    ...webhook,
    clientConfig: { service: { namespace: 'default', name: 'nobody', port: 443 }, ...(webhook?.clientConfig as object | undefined) },
  }));
  return { ...object, webhooks };
}

function put(holder: Record<string, unknown>, path: readonly string[], value: string): void {
  let here: Record<string, unknown> | unknown[] = holder;
  for (const [depth, part] of path.entries()) {
    const key = (Array.isArray(here) ? Number(part) : part) as never;
    if (depth === path.length - 1) {
      here[key] = value as never;
      return;
    }
    const isList = /^\d+$/.test(path[depth + 1] ?? '');
    const next: unknown = here[key];
    if (typeof next !== 'object' || next === null) here[key] = (isList ? [] : {}) as never;
    here = here[key] as Record<string, unknown> | unknown[];
  }
}

/** RFC 6901. */
function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
