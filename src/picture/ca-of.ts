/** Which CA a certificate of a graph is, or has been issued by, by what an inventory says of it. Pure. */

import type { CertificateRecord, Inventory } from '../domain/cluster/inventory.js';
import { outgoingOf } from '../domain/trust/outgoing.js';
import { incomingCa } from '../domain/trust/certificates.js';
import type { Ca } from './picture.js';

/** What a kubelet makes for itself has another name on each node: `w1-ca@1700000000` (k/k pkg/kubelet, GenerateSelfSignedCertKey). */
const ownOfKubelet = /^.+-ca@\d+$/;

export function caOfInventory(inventory: Inventory): (certificate: string) => Ca | undefined {
  const records = new Map<string, CertificateRecord>();
  for (const { files } of inventory.nodes) {
    for (const { certificates, client } of files) for (const one of client === undefined ? certificates : [...certificates, client]) records.set(one.fingerprint, one);
  }
  for (const { certificates } of inventory.objects) for (const one of certificates) records.set(one.fingerprint, one);
  const outgoing = outgoingOf(inventory);
  const known = new Map<string, Ca | undefined>();
  const caOf = (id: string): Ca | undefined => {
    if (!known.has(id)) known.set(id, look(id));
    return known.get(id);
  };
  const look = (id: string): Ca | undefined => {
    if (id === incomingCa) return { name: 'the incoming CA', generation: 'incoming' };
    const issued = /^leaf-of:([^:]*):/.exec(id);
    if (issued !== null) return caOf(issued[1] ?? '');
    const record = records.get(id);
    if (record === undefined) return undefined;
    if (outgoing !== undefined && (record.fingerprint === outgoing.fingerprint || isIssuedBy(record, outgoing)))
      return { name: commonName(outgoing.subject), generation: 'outgoing' };
    const name = commonName(record.isCa ? record.subject : record.issuer);
    return { name: ownOfKubelet.test(name) ? "the kubelet's own" : name, generation: 'other' };
  };
  return caOf;
}

/** By name and, where both say it, by key identifier. */
function isIssuedBy(record: CertificateRecord, ca: CertificateRecord): boolean {
  return !record.isCa && record.issuer === ca.subject && (record.aki === '' || ca.ski === '' || record.aki === ca.ski);
}

/** `CN=kubernetes, O=x` to `kubernetes`. */
function commonName(subject: string): string {
  return /(?:^|, |\+)CN=((?:\\.|[^,+\\])*)/.exec(subject)?.[1] ?? subject;
}
