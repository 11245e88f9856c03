/** Service tokens: their life, renewal and end (vault/token_store.go, vault/expiration.go). Their time is the wall clock's: clients reckon with the seconds they are told. */

import { randomBytes } from 'node:crypto';
import { goTime, shortDuration } from './go-format.js';

export interface Token {
  readonly id: string;
  readonly accessor: string;
  readonly policies: readonly string[];
  readonly displayName: string;
  /** Where it was made. */
  readonly path: string;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly entityId: string;
  readonly orphan: boolean;
  readonly createdMs: number;
  /** Seconds; 0: it does not end. */
  readonly ttl: number;
  readonly explicitMaxTtl: number;
  /** Seconds after its making beyond which no renewal goes. */
  readonly maxTtl: number;
  readonly renewable: boolean;
  readonly issuedNanos: number;
  /** Unix ms; undefined: never. */
  expiresMs: number | undefined;
  lastRenewalMs: number | undefined;
}

export interface NewToken {
  readonly policies: readonly string[];
  readonly displayName: string;
  readonly path: string;
  readonly meta?: Readonly<Record<string, string>> | null;
  readonly entityId?: string;
  readonly orphan?: boolean;
  readonly ttl: number;
  readonly maxTtl?: number;
  readonly explicitMaxTtl?: number;
  readonly renewable?: boolean;
}

/** How long leases last unless told, and at most: those of the lab's Vault. */
export const systemDefaultSeconds = 2_764_800;
export const systemMaxSeconds = 315_360_000;

export interface Tokens {
  create(token: NewToken): Token;
  /** undefined: unknown, revoked or expired. */
  find(id: string): Token | undefined;
  byAccessor(accessor: string): Token | undefined;
  all(): Token[];
  /** Seconds that it now lives, and the warnings that go with them. */
  renew(token: Token, increment: number): { readonly seconds: number; readonly warnings: string[] };
  revoke(token: Token): void;
  dump(): readonly Token[];
  load(tokens: readonly Token[]): void;
}

export function createTokens(now: () => number): Tokens {
  const byId = new Map<string, Token>();

  function find(id: string): Token | undefined {
    const token = byId.get(id);
    if (token?.expiresMs !== undefined && token.expiresMs <= now()) {
      byId.delete(id);
      return undefined;
    }
    return token;
  }

  return {
    create(parts) {
      const createdMs = now();
      const token: Token = {
        id: `hvs.${randomBytes(parts.ttl === 0 ? 18 : 68).toString('base64url')}`,
        accessor: randomBytes(18).toString('base64url').replace(/[-_]/g, 'x'),
        policies: [...parts.policies].sort(),
        displayName: parts.displayName,
        path: parts.path,
        meta: parts.meta ?? null,
        entityId: parts.entityId ?? '',
        orphan: parts.orphan ?? false,
        createdMs,
        ttl: parts.ttl,
        explicitMaxTtl: parts.explicitMaxTtl ?? 0,
        maxTtl: parts.maxTtl ?? systemMaxSeconds,
        renewable: parts.renewable ?? true,
        issuedNanos: randomBytes(3).readUIntBE(0, 3) % 1_000_000,
        expiresMs: parts.ttl === 0 ? undefined : createdMs + parts.ttl * 1_000,
        lastRenewalMs: undefined,
      };
      byId.set(token.id, token);
      return token;
    },
    find,
    byAccessor: (accessor) => [...byId.values()].find((token) => token.accessor === accessor && find(token.id) !== undefined),
    all: () => [...byId.values()].filter((token) => find(token.id) !== undefined),
    renew(token, increment) {
      const wanted = increment > 0 ? increment : token.ttl;
      const limit = token.explicitMaxTtl > 0 ? Math.min(token.explicitMaxTtl, token.maxTtl) : token.maxTtl;
      const left = Math.max(0, Math.floor(token.createdMs / 1_000) + limit - Math.floor(now() / 1_000));
      const seconds = Math.min(wanted, left);
      token.expiresMs = now() + seconds * 1_000;
      token.lastRenewalMs = now();
      const warnings = seconds < wanted ? [`TTL of "${shortDuration(wanted)}" exceeded the effective max_ttl of "${shortDuration(left)}"; TTL value is capped accordingly`] : [];
      return { seconds, warnings };
    },
    revoke: (token) => void byId.delete(token.id),
    dump: () => [...byId.values()],
    load(tokens) {
      byId.clear();
      for (const token of tokens) byId.set(token.id, { ...token });
    },
  };
}

/** The `auth` of a login, a creation or a renewal. */
export function authOf(token: Token, seconds: number): Record<string, unknown> {
  return {
    client_token: token.id,
    accessor: token.accessor,
    policies: token.policies,
    token_policies: token.policies,
    metadata: token.meta,
    lease_duration: seconds,
    renewable: token.renewable,
    entity_id: token.entityId,
    token_type: 'service',
    orphan: token.orphan,
    mfa_requirement: null,
    num_uses: 0,
  };
}

/** The `data` of a look-up. */
export function lookupOf(token: Token, nowMs: number): Record<string, unknown> {
  const { expiresMs, lastRenewalMs, issuedNanos } = token;
  return {
    accessor: token.accessor,
    creation_time: Math.floor(token.createdMs / 1_000),
    creation_ttl: token.ttl,
    display_name: token.displayName,
    entity_id: token.entityId,
    expire_time: expiresMs === undefined ? null : goTime(expiresMs, issuedNanos),
    explicit_max_ttl: token.explicitMaxTtl,
    id: token.id,
    ...(expiresMs === undefined ? {} : { issue_time: goTime(token.createdMs, issuedNanos) }),
    ...(lastRenewalMs === undefined ? {} : { last_renewal: goTime(lastRenewalMs, issuedNanos), last_renewal_time: Math.floor(lastRenewalMs / 1_000) }),
    meta: token.meta,
    num_uses: 0,
    orphan: token.orphan,
    path: token.path,
    policies: token.policies,
    ...(expiresMs === undefined ? {} : { renewable: token.renewable }),
    ttl: expiresMs === undefined ? 0 : Math.max(0, Math.ceil((expiresMs - nowMs) / 1_000)),
    type: 'service',
  };
}
