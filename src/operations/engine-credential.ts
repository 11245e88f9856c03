/** The engine's own client certificate of the incoming CA: same user and groups as the operator's kubeconfig, key in memory only. */

import type { Site } from '../ports/step-kind.js';
import { credentialOfIncoming } from './identity-probe.js';
import { readSubject } from './leaf-on-node.js';
import { caPem } from './trust-bundles.js';

/** Long enough for a run with its soak; every start of the engine asks for a new one. */
const ttlMs = 7 * 24 * 3600_000;

/** From here on the engine trusts both CAs and presents a leaf of the incoming one. Throws what the issuer throws. */
export async function holdIncomingCredential(site: Pick<Site, 'artefacts' | 'issuer' | 'signal' | 'target' | 'access'>): Promise<void> {
  site.access.trustAlso(caPem(site, 'incoming'));
  const original = site.access.original();
  if (original === undefined) return;
  const subject = readSubject(original.certificatePem);
  site.access.present(await credentialOfIncoming(site, { ...subject, ttlMs }));
}
