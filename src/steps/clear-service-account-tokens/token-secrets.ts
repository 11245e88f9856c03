/** Secrets of the type kubernetes.io/service-account-token: read at once, and judged by the key that signed what they hold. */

import { keyIdIn, keyIdOf, replacedTokenKeys } from '../../domain/cluster/token-keys.js';
import type { Inventory } from '../../domain/cluster/inventory.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site } from '../../ports/step-kind.js';

/**
 * `before`: signed by a key that the run replaces. `after`: by another. `none`: there is no token, kube-controller-manager is yet to write it.
 * `foreign`: what is there is no JWT; somebody keeps something else under this type.
 */
export type TokenState = 'before' | 'after' | 'none' | 'foreign';

const perPageMs = 15_000;
const shownNames = 5;

/** All of them, of all namespaces. Throws what `Kube.list` throws. */
export function tokenSecrets(site: Pick<Site, 'access' | 'signal' | 'deadlineAtMs' | 'now'>): Promise<KubeObject[]> {
  return site.access.kube().list({ apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token' }, limitsOf(site, perPageMs));
}

/** Base64, as it is kept; empty if there is none. */
export function tokenOf(secret: KubeObject): string {
  return (secret.data as Record<string, string> | undefined)?.token ?? '';
}

/** `namespace/name` */
export function nameOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

/** Judges by the keys that the plan found: whatever signs after them is another. */
export function judgeBy(inventory: Inventory): (secret: KubeObject) => TokenState {
  const replaced = new Set(replacedTokenKeys(inventory).map(keyIdOf));
  return (secret) => {
    const token = tokenOf(secret);
    if (token === '') return 'none';
    const kid = keyIdIn(Buffer.from(token, 'base64').toString('utf8'));
    if (kid === undefined) return 'foreign';
    return replaced.has(kid) ? 'before' : 'after';
  };
}

/** The first few by name, and how many more there are. */
export function listed(names: readonly string[]): string {
  const more = names.length - shownNames;
  return `${names.slice(0, shownNames).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
