/** Pods from a template, and what the admission of a real API server adds to them where it is not there yet. */

import { randomBytes } from 'node:crypto';
import type { StoredObject } from '../api/store.js';
import type { Draft } from './kube-calls.js';
import type { PodSpec, PodTemplate } from './workload-objects.js';

export interface PodParts {
  readonly owner: StoredObject;
  readonly template: PodTemplate;
  /** Default: the owner's name, a dash and five random characters. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<PodSpec>;
}

/** Five characters, as metadata.generateName adds. */
export function randomSuffix(): string {
  const safe = 'bcdfghjklmnpqrstvwxz2456789';
  return [...randomBytes(5)].map((byte) => safe[byte % safe.length]).join('');
}

export function podDraft(parts: PodParts): Draft {
  const { owner, template } = parts;
  const spec: PodSpec = { ...template.spec, ...parts.spec };
  return {
    metadata: {
      name: parts.name ?? `${owner.metadata.name}-${randomSuffix()}`,
      namespace: owner.metadata.namespace,
      labels: { ...template.metadata?.labels, ...parts.labels },
      annotations: { ...template.metadata?.annotations },
      ownerReferences: [controllerReference(owner)],
    },
    spec: { ...withToken(spec), schedulerName: spec.schedulerName ?? 'default-scheduler', serviceAccountName: spec.serviceAccountName ?? 'default' },
    status: { phase: 'Pending' },
  };
}

export function controllerReference(owner: StoredObject): Readonly<Record<string, unknown>> {
  return { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true };
}

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The projected volume with token, kube-root-ca.crt and namespace (k/k plugin/pkg/admission/serviceaccount/admission.go). */
function withToken(spec: PodSpec): PodSpec {
  const containers = spec.containers ?? [];
  const isMounted = containers.some((container) => container.volumeMounts?.some((mount) => mount.mountPath === mountPath));
  if (spec.automountServiceAccountToken === false || isMounted || containers.length === 0) return spec;
  const name = `kube-api-access-${randomSuffix()}`;
  const volume = {
    name,
    projected: {
      defaultMode: 420,
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  };
  return {
    ...spec,
    volumes: [...(spec.volumes ?? []), volume],
    containers: containers.map((container) => ({ ...container, volumeMounts: [...(container.volumeMounts ?? []), { name, mountPath, readOnly: true }] })),
  };
}
