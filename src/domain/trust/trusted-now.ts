/** Which CAs API servers accept client certificates of now, by what lies in the files that they load. Pure. */

import { type CertificateRecord, fileOf, type Inventory } from '../cluster/inventory.js';
import { seemsIssuedBy } from '../pki/certificate.js';

export interface TrustedNow {
  accepts(record: CertificateRecord): boolean;
  /** Nothing that one of these CAs has issued can have been used before. Unix time in ms. */
  readonly sinceMs: number;
}

/**
 * undefined: of some API server it is not known (it reads `--client-ca-file` at each change, k/k apiserver dynamic_cafile_content.go).
 * A CA that was renewed with its key accepts what it has issued before: the oldest leaf that is known to be of it counts, where that is older than the CA itself.
 */
export function trustedNow(now: Inventory): TrustedNow | undefined {
  const servers = now.nodes.flatMap((node) => node.components.filter(({ name }) => name === 'kube-apiserver').map(({ flags }) => fileOf(node, flags['client-ca-file'] ?? '')));
  const cas = servers.flatMap((file) => (file?.certificates ?? []).filter(({ isCa }) => isCa));
  if (servers.length === 0 || servers.some((file) => file === undefined || !file.certificates.some(({ isCa }) => isCa))) return undefined;
  const accepts = (record: CertificateRecord): boolean => cas.some((ca) => seemsIssuedBy(record, ca));
  const leaves = now.nodes.flatMap(({ files }) => files.flatMap(({ certificates, client }) => [...certificates, ...(client === undefined ? [] : [client])]));
  return { accepts, sinceMs: Math.min(...[...cas, ...leaves.filter(accepts)].map(({ notBeforeMs }) => notBeforeMs)) };
}
