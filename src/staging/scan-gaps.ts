/** What a scan does not say and a staging cluster must have. Pure. */

import type { Inventory } from '../domain/cluster/inventory.js';
import { usualVersion } from './topology.js';

/** Of the API servers; what their images say where the API was not asked. */
export function versionOf(inventory: Inventory, missing: string[]): string {
  if (inventory.cluster.version !== '') return inventory.cluster.version;
  const ofImage = inventory.nodes
    .flatMap(({ components }) => components.filter(({ name }) => name === 'kube-apiserver').map(({ version }) => version))
    .find((one) => /^v1\.\d+/.test(one));
  missing.push(`the API did not say its version when it was scanned: here it is ${ofImage ?? usualVersion}`);
  return ofImage ?? usualVersion;
}

const mostNamed = 3;

/** What a scan could not look at is as kubeadm makes it. */
export function unseenIn({ unseen = [] }: Inventory): string[] {
  if (unseen.length === 0) return [];
  const places = [...new Set(unseen.map(({ place }) => place))];
  const more = places.length > mostNamed ? `, and ${places.length - mostNamed} more` : '';
  return [`the scan could not look at ${places.slice(0, mostNamed).join(', ')}${more}: here they are as kubeadm makes them, or not there`];
}
