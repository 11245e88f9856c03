/** Who holds what of the outgoing CA, and what that is judged by: shapes of the shadow distrust. Plain data. */

import type { CertificateRecord, Inventory, Unseen } from '../cluster/inventory.js';
import type { Connection, Peer } from './connection.js';
import type { CredentialUse } from './credential-use.js';

export interface ShadowInput {
  readonly outgoing: CertificateRecord;
  /** As it is now. */
  readonly now: Inventory;
  /** As it was before the run: the leaves that the run has replaced. */
  readonly before: Inventory;
  /** As earlier runs have found the cluster. */
  readonly former: readonly Inventory[];
  /** Certificates that are known and lie in no file of a node, with where they come from: signed requests, rotate-ca's own. */
  readonly others: readonly KnownCertificate[];
  readonly uses: readonly CredentialUse[];
  readonly connections: readonly Connection[];
  /** From which rotate-ca comes. */
  readonly ownAddresses: readonly string[];
  /** Some audit log names the certificates that were used. */
  readonly namesCredentials: boolean;
  /** Running pods that have loaded the outgoing CA alone. */
  readonly pods: readonly EarlierPod[];
  /** When the incoming CA began to sign. Unix time in ms; undefined: not yet. */
  readonly signsSinceMs?: number;
  /** Holders by id, or user names that stand for all of a user's. */
  readonly acknowledged: readonly string[];
  readonly unseen: readonly Unseen[];
}

export interface KnownCertificate {
  readonly record: CertificateRecord;
  readonly from: string;
  /** It is the operator's own: who decides at the gate holds it. */
  readonly isOwn?: boolean;
}

export interface EarlierPod {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly startedAtMs: number;
}

export interface Holder {
  /** Stable: `alice/3fa91c02` (user, begin of the fingerprint), `alice@10.0.0.9` where no fingerprint is known, `pod NAMESPACE/NAME`, `connected 10.0.0.9`, a place, a process. */
  readonly id: string;
  readonly kind: 'certificate' | 'pod' | 'file' | 'listener' | 'connection';
  /** User name, pod, place, process or address. */
  readonly who: string;
  readonly why: string;
  readonly nextAction: string;
  readonly userAgents: readonly string[];
  readonly addresses: readonly string[];
  /** Unix time in ms. */
  readonly lastSeenMs?: number;
  /** Out of reach of rotate-ca: somebody must say that it has what it needs. */
  readonly asksAck: boolean;
  readonly isAcknowledged?: boolean;
}

export interface EndedCredential {
  /** As that of a holder. */
  readonly id: string;
  /** Unix time in ms. */
  readonly lastSeenMs: number;
}

export interface Shadow {
  readonly holders: readonly Holder[];
  /** Different client certificates that were in use and go on to work. */
  readonly goOn: number;
  /** Credentials that audit logs name and that nobody accepts any more, today already: of CAs that are trusted no more, or expired. */
  readonly ended: readonly EndedCredential[];
  /** Who is connected to the API servers now. */
  readonly peers: readonly Peer[];
  readonly unseen: readonly Unseen[];
}
