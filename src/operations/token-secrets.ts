/** Secrets of the type kubernetes.io/service-account-token. */

import type { KubeObject } from '../ports/kube.js';
import type { Site } from '../ports/step-kind.js';
import { limitsOf } from './waiting.js';

const perPageMs = 15_000;

/** All of them, of all namespaces. Throws what `Kube.list` throws. */
export function tokenSecrets(site: Pick<Site, 'access' | 'signal' | 'deadlineAtMs' | 'now'>): Promise<KubeObject[]> {
  return site.access.kube().list({ apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token' }, limitsOf(site, perPageMs));
}

/** `namespace/name` */
export function nameOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
