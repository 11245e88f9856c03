/** Certificates as the tests read them: by node:crypto, with nothing of rotate-ca's own code. */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export function certificatesIn(text: string): X509Certificate[] {
  return (text.match(pemBlock) ?? []).map((pem) => new X509Certificate(pem));
}

/** Also those in base64, as kubeconfigs, Secrets and webhooks hold them, at any depth of base64 up to three. */
export function certificatesAnywhereIn(text: string, depth = 3): X509Certificate[] {
  const plain = certificatesIn(text.replaceAll('\\n', '\n'));
  if (depth === 0) return plain;
  // Text of a PEM block is base64 too, so those are taken out first.
  const inner = text.replaceAll(pemBlock, '').match(/[A-Za-z0-9+/]{200,}={0,2}/g) ?? [];
  return [...plain, ...inner.flatMap((encoded) => certificatesAnywhereIn(Buffer.from(encoded, 'base64').toString('latin1'), depth - 1))];
}

/** Whether it is that CA itself, or was signed by its key. */
export function belongsTo(ca: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.fingerprint256 === ca.fingerprint256 || isSignedBy(ca, certificate);
}

function isSignedBy(ca: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.verify(ca.publicKey);
  } catch {
    // A key of another kind than the signature.
    return false;
  }
}

/** The parts of a kubeconfig with everything embedded, as kubeadm writes them. */
export interface KubeconfigParts {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

interface KubeconfigFile {
  readonly clusters: readonly { readonly cluster: { readonly 'certificate-authority-data': string } }[];
  readonly users: readonly { readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string } }[];
}

export function kubeconfigParts(text: string): KubeconfigParts {
  const { clusters, users } = parse(text) as KubeconfigFile;
  const decode = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString('utf8');
  return {
    caPem: decode(clusters[0]?.cluster['certificate-authority-data']),
    certificatePem: decode(users[0]?.user['client-certificate-data']),
    keyPem: decode(users[0]?.user['client-key-data']),
  };
}

export function readKubeconfig(file: string): KubeconfigParts {
  return kubeconfigParts(readFileSync(file, 'utf8'));
}
