/** The chain that a peer presented, out of Node's linked certificates. */

import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

/** PEM, leaf first. What the peer sent without it being a part of the leaf's chain is not in it: OpenSSL's view has only the links. */
export function presentedChain(socket: TLSSocket): string[] {
  const chain: string[] = [];
  const seen = new Set<string>();
  let link: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed root names itself as its issuer.
  while (link?.raw !== undefined && !seen.has(link.fingerprint256)) {
    seen.add(link.fingerprint256);
    chain.push(new X509Certificate(link.raw).toString());
    link = link.issuerCertificate;
  }
  return chain;
}
