/** The two CAs of a run, and the bundles that are made of them. */

import { createHash, X509Certificate } from 'node:crypto';
import { fail } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import { artefactNames } from './run-files.js';

export type CaName = 'outgoing' | 'incoming';

/** PEM of a CA of this run, newline-terminated. Throws file-missing before `issue-ca` has run. */
export function caPem(site: Pick<Site, 'artefacts' | 'target'>, name: CaName): string {
  const artefact = name === 'outgoing' ? artefactNames.outgoingCa : artefactNames.incomingCa;
  const pem = site.artefacts.get(artefact);
  if (pem === undefined) {
    return fail('file-missing', {
      target: site.target,
      summary: `the run has no ${name} CA yet`,
      cause: `artefact ${artefact} is missing`,
      nextAction: 'The step issue-ca must come first in the playbook.',
    });
  }
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}

/** The CAs one after the other, in the order given: kubeadm and OpenSSL look at the first. */
export function bundlePem(site: Pick<Site, 'artefacts' | 'target'>, trusts: readonly CaName[]): string {
  return trusts.map((name) => caPem(site, name)).join('');
}

/** SHA-256 of the DER, lower-case hex: how certificates are told apart. */
export function fingerprintOf(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('hex');
}

/** Which of the run's CAs signed this leaf: by signature, not by name. */
export function signerOf(site: Pick<Site, 'artefacts' | 'target'>, leafPem: string): CaName | 'other' {
  const leaf = new X509Certificate(leafPem);
  for (const name of ['outgoing', 'incoming'] as const) {
    const artefact = name === 'outgoing' ? artefactNames.outgoingCa : artefactNames.incomingCa;
    const pem = site.artefacts.get(artefact);
    if (pem !== undefined && leaf.verify(new X509Certificate(pem).publicKey)) return name;
  }
  return 'other';
}
