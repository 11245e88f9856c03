/** Where certificates come from. Vault is the first; other modes follow. */

import type { Failure } from '../domain/errors.js';
import type { Secret } from '../domain/secret.js';
import type { KeyType } from '../domain/cluster/inventory.js';
import type { EngineSetup, SetupItem } from '../domain/issuing/engine-setup.js';
import type { LeafWish } from '../domain/issuing/unfit-role.js';

export interface NewCa {
  /** Found again by this name after a crash; unique for each run and attempt. */
  readonly name: string;
  /** Subject CN; the issuer adds nothing. */
  readonly commonName: string;
  /** Subject serialNumber, so that each generation has its own DN. */
  readonly serialNumber: string;
  readonly keyType: KeyType;
  readonly ttlMs: number;
  /** How far before now notBefore lies. */
  readonly backdateMs: number;
}

export interface IssuedCa {
  readonly issuerId: string;
  readonly keyId: string;
  readonly certificatePem: string;
}

export interface SignRequest {
  readonly issuerId: string;
  readonly csrPem: string;
  readonly ttlMs: number;
  readonly backdateMs: number;
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
}

/** All methods but `check` throw RotationError: vault-unreachable, vault-sealed, vault-refused, vault-policy-missing, vault-auth-failed, ca-rejected. */
export interface Issuer {
  /** Reads only: reachable, unsealed, the credential works, every path that a run needs is granted, the mount's lease limit is enough. */
  check(needs: { readonly caTtlMs: number }, options?: { signal?: AbortSignal }): Promise<Failure[]>;
  /** A new self-signed root: own subject DN, SKI and AKI, backdated, no EKU, no path length. The key leaves the issuer in this answer only. */
  generateCa(ca: NewCa, options?: { signal?: AbortSignal }): Promise<IssuedCa & { readonly key: Secret }>;
  findCa(name: string, options?: { signal?: AbortSignal }): Promise<IssuedCa | undefined>;
  /** Signs a request; subject and SANs are those of the request. Returns the leaf alone, PEM. */
  sign(request: SignRequest, options?: { signal?: AbortSignal }): Promise<string>;
  /** Deletes issuer and key. */
  destroyCa(ca: { issuerId: string; keyId: string }, options?: { signal?: AbortSignal }): Promise<void>;
  /** One line for reports: what it is and where. */
  describe(): string;
}

/**
 * Where leaves come from while the key of their CA stays with the issuer: each is issued under a role, which says what names and organisations it
 * may have. All methods but `check` throw RotationError with the codes of Issuer, and vault-role-unfit.
 */
export interface RoleIssuer extends Pick<Issuer, 'findCa' | 'destroyCa' | 'describe'> {
  /** Reads only: all that `Issuer.check` asks, and for each leaf whether one of the roles issues it. One failure for each leaf that none issues. */
  check(needs: { readonly caTtlMs: number; readonly leaves: readonly LeafWish[] }, options?: { signal?: AbortSignal }): Promise<Failure[]>;
  /** A new self-signed root as that of `Issuer.generateCa`; nobody gets its key. */
  generateCa(ca: NewCa, options?: { signal?: AbortSignal }): Promise<IssuedCa>;
  /** What there is of a setup, and what is unlike it. Reads only. */
  examine(setup: EngineSetup, options?: { signal?: AbortSignal }): Promise<SetupItem[]>;
  /** Makes those that are named. */
  create(setup: EngineSetup, names: readonly SetupItem['name'][], options?: { signal?: AbortSignal }): Promise<void>;
  /** Deletes those that are named, the mount with all that is in it. */
  remove(setup: EngineSetup, names: readonly SetupItem['name'][], options?: { signal?: AbortSignal }): Promise<void>;
  /** Signs a request under the first role that issues the leaf; its organisation is the role's. Returns the leaf alone, PEM. */
  sign(request: { readonly issuerId: string; readonly csrPem: string; readonly leaf: LeafWish }, options?: { signal?: AbortSignal }): Promise<string>;
}
