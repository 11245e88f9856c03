/** Pods from a template. Token volume, priority and tolerations are the admission of the API server. */

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
    spec,
  };
}

export function controllerReference(owner: StoredObject): Readonly<Record<string, unknown>> {
  return { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true };
}
