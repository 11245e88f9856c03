/** Token Secrets, judged by the key that signed what they hold. */

import { keyIdIn, keyIdOf, replacedTokenKeys } from '../../domain/cluster/token-keys.js';
import type { Inventory } from '../../domain/cluster/inventory.js';
import type { KubeObject } from '../../ports/kube.js';

/**
 * `before`: signed by a key that the run replaces. `after`: by another. `none`: there is no token, kube-controller-manager is yet to write it.
 * `foreign`: what is there is no JWT; somebody keeps something else under this type.
 */
export type TokenState = 'before' | 'after' | 'none' | 'foreign';

const shownNames = 5;

/** Base64, as it is kept; empty if there is none. */
export function tokenOf(secret: KubeObject): string {
  return (secret.data as Record<string, string> | undefined)?.token ?? '';
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
