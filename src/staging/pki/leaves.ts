/** Leaves as kubeadm issues them, and where a spec says that one is otherwise, otherwise. */

import type { Secret } from '../../domain/secret.js';
import { type Ca, makeLeaf } from '../../x509/certificate-authority.js';
import type { KeyType } from '../../domain/cluster/inventory.js';
import type { ClusterSpec, NodeSpec } from '../spec.js';
import { makeStagingKeyPair } from './quick-rsa.js';

const minute = 60_000;
const day = 24 * 60 * minute;

/** k/k cmd/kubeadm/app/constants/constants.go: CertificateValidityPeriod, and pki_helpers.go: NotBefore five minutes ago. */
export const leafValidity = { backdateMs: 5 * minute, lifetimeMs: 365 * day };

export interface Leaf {
  readonly certificatePem: string;
  readonly keyPem: Secret;
}

export interface LeafWish {
  /** File, or kubeconfig that embeds it: where a spec's exception for it is found. */
  readonly path: string;
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly sans?: readonly string[];
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
  readonly keyType?: KeyType;
}

/** Certificate and key in PEM. Names and times of the spec's exception replace the wish's, its SANs come on top. Throws ca-rejected. */
export async function issueLeaf(ca: Ca, wish: LeafWish, { spec, node, nowMs }: { readonly spec: ClusterSpec; readonly node: NodeSpec; readonly nowMs: number }): Promise<Leaf> {
  const other = node.leaves.find((leaf) => leaf.path === wish.path);
  const pair = await makeStagingKeyPair(other?.keyType ?? wish.keyType ?? spec.leafKeyType);
  const sans = [...new Set([...(wish.sans ?? []), ...(other?.sans ?? [])])];
  const notBeforeMs = other?.notBeforeMs ?? nowMs - leafValidity.backdateMs;
  const notAfterMs = other?.notAfterMs ?? nowMs + leafValidity.lifetimeMs;
  const subject = { commonName: other?.commonName ?? wish.commonName, organizations: other?.organizations ?? wish.organizations ?? [] };
  return { certificatePem: await makeLeaf({ ca, pair, subject, sans, usages: wish.usages, notBeforeMs, notAfterMs }), keyPem: pair.privateKeyPem };
}
