/** The engine's own client certificate of the incoming CA: same user and groups as the operator's kubeconfig, key in memory only. */

import { recordsOf } from '../domain/pki/certificate.js';
import type { Site } from '../ports/step-kind.js';
import { credentialOfIncoming } from './identity-probe.js';
import { readSubject } from './leaf-on-node.js';
import { enginePrefix } from './run-files.js';
import { caPem } from './trust-bundles.js';

/** Of which CA each way into the API presents a leaf already. */
const held = new WeakMap<Site['access'], string>();

/** Long enough for a run with its soak; every start of the engine asks for a new one. */
export const engineTtlMs = 7 * 24 * 3600_000;

/** From here on the engine trusts both CAs and presents a leaf of the incoming one. Throws what the issuer throws. */
export async function holdIncomingCredential(site: Pick<Site, 'artefacts' | 'issuer' | 'roleIssuer' | 'signal' | 'target' | 'access'>): Promise<void> {
  site.access.trustAlso(caPem(site, 'incoming'));
  const original = site.access.original();
  if (original === undefined) return;
  const subject = readSubject(original.certificatePem);
  const credential = await credentialOfIncoming(site, { ...subject, ttlMs: engineTtlMs });
  // Kept before it is used: in the audit logs it has the user of the operator, and nobody else can tell the two apart.
  for (const { fingerprint } of recordsOf(credential.certificatePem).slice(0, 1)) site.artefacts.put(`${enginePrefix}${fingerprint}.pem`, credential.certificatePem);
  site.access.present(credential);
}

/** As holdIncomingCredential, once in a process: for steps that come one after the other, and that each may be the first of a process. */
export async function adoptIncomingCredential(site: Pick<Site, 'artefacts' | 'issuer' | 'roleIssuer' | 'signal' | 'target' | 'access'>): Promise<void> {
  const ca = caPem(site, 'incoming');
  if (held.get(site.access) === ca) return;
  await holdIncomingCredential(site);
  held.set(site.access, ca);
}

/** Back to the certificate of the kubeconfig, trusting both CAs. */
export function adoptKubeconfig(site: Pick<Site, 'artefacts' | 'target' | 'access'>): void {
  held.delete(site.access);
  site.access.trustAlso(caPem(site, 'outgoing'));
  site.access.present(undefined);
}
