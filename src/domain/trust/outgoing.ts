/** Which CA a rotation is about. Pure. */

import type { CertificateRecord, Inventory } from '../cluster/inventory.js';

/** The CA that a rotation would take away: the first in the client-ca-file of an API server. */
export function outgoingOf(inventory: Inventory): CertificateRecord | undefined {
  for (const node of inventory.nodes) {
    const path = node.components.find(({ name }) => name === 'kube-apiserver')?.flags['client-ca-file'];
    const ca = node.files.find((file) => file.path === path)?.certificates[0];
    if (ca !== undefined) return ca;
  }
  return undefined;
}
