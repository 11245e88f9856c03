/** The CAs of a staging cluster and its service account key: made anew for each cluster, shared by its control planes. */

import type { Secret } from '../../domain/secret.js';
import { type Ca, makeCa } from '../../x509/certificate-authority.js';
import type { CaSpec, ClusterSpec } from '../spec.js';
import { makeStagingKeyPair } from './quick-rsa.js';

export interface Authorities {
  readonly cluster: Ca;
  readonly etcd: Ca;
  readonly frontProxy: Ca;
  /** sa.key and sa.pub: RSA whatever the leaves are, as kubeadm makes it by default. */
  readonly serviceAccounts: { readonly privateKeyPem: Secret; readonly publicPem: string };
}

/** Fresh keys for all of them, at the same time. Throws ca-rejected for a key type that cannot be made. */
export async function makeAuthorities(spec: ClusterSpec): Promise<Authorities> {
  const [cluster, etcd, frontProxy, serviceAccounts] = await Promise.all([
    authority(spec.cas.cluster),
    authority(spec.cas.etcd),
    authority(spec.cas.frontProxy),
    makeStagingKeyPair(spec.leafKeyType.startsWith('rsa') ? spec.leafKeyType : 'rsa-2048'),
  ]);
  return { cluster, etcd, frontProxy, serviceAccounts };
}

/** A DNS SAN equal to its CN (k/k cmd/kubeadm/app/util/pkiutil/pki_helpers.go NewSelfSignedCACert), and no AKI, as Go leaves it out of what signs itself. */
async function authority({ commonName, keyType, notBeforeMs, notAfterMs }: CaSpec): Promise<Ca> {
  const { privateKeyPem } = await makeStagingKeyPair(keyType);
  return makeCa({ subject: { commonName }, keyPem: privateKeyPem, keyIdentifiers: 'ski', sans: [`DNS:${commonName}`], notBeforeMs, notAfterMs });
}
