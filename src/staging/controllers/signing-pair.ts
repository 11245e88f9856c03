/** The pair with which kube-controller-manager signs requests: watched as a pair, exactly one certificate (k/k pkg/controller/certificates/signer/ca_provider.go). */

import { Secret } from '../../domain/secret.js';
import type { Ca } from '../../x509/certificate-authority.js';
import { kubernetesBundle, keyPair } from '../api/cert-files.js';
import type { HotFiles } from '../api/hot-files.js';

export interface SigningPair {
  /** Throws the line of setCA if the file now holds other than one certificate: then nothing is signed. */
  current(): { readonly ca: Ca; readonly notAfterMs: number };
}

/** Throws as the component does at its start: missing files, a key that does not fit, more than one certificate. */
export function watchSigningPair(hot: HotFiles, certificateFile: string, keyFile: string): SigningPair {
  // A pair that does not fit is not taken: between the writes of two files the one before goes on signing.
  const pair = hot.watch([certificateFile, keyFile], ([certificate = Buffer.alloc(0), key = Buffer.alloc(0)]) => ({
    ...keyPair(certificate, key),
    certificates: kubernetesBundle(certificate.toString('utf8')),
  }));

  function current(): { ca: Ca; notAfterMs: number } {
    const { cert, key, certificates } = pair.current;
    const [only] = certificates;
    if (only === undefined || certificates.length !== 1) throw new Error(`error reading CA cert file "${certificateFile}": expected 1 certificate, found ${certificates.length}`);
    return { ca: { certificatePem: cert, keyPem: new Secret(key) }, notAfterMs: only.record.notAfterMs };
  }

  current();
  return { current };
}
