/** What a service account token says of itself, by its header and payload. Its signature is neither needed nor kept. */

import type { TokenRecord } from '../../domain/cluster/inventory.js';
import type { KubeObject } from '../../ports/kube.js';

const longest = 64 * 1024;

/** `text`: `HEADER.PAYLOAD`, with or without a signature. undefined: it is no JWT with a key's name. */
export function tokenFacts(place: string, text: string): TokenRecord | undefined {
  const [head = '', body = ''] = text.trim().slice(0, longest).split('.');
  const header = objectIn(head);
  const payload = objectIn(body);
  if (header === undefined || payload === undefined || typeof header.alg !== 'string') return undefined;
  const { exp } = payload;
  return {
    place,
    kid: textOf(header.kid),
    algorithm: header.alg,
    issuer: textOf(payload.iss),
    subject: textOf(payload.sub),
    ...(typeof exp === 'number' && Number.isFinite(exp) ? { expiresAtMs: exp * 1000 } : {}),
  };
}

/** The token of a Secret of the type kubernetes.io/service-account-token, if it has one yet. */
export function tokenOfSecret({ kind, type, data, metadata }: KubeObject): TokenRecord | undefined {
  if (kind !== 'Secret' || type !== 'kubernetes.io/service-account-token') return undefined;
  const { token } = (data ?? {}) as { readonly token?: unknown };
  if (typeof token !== 'string') return undefined;
  return tokenFacts(`Secret ${metadata.namespace ?? ''}/${metadata.name}`, Buffer.from(token, 'base64').toString('latin1'));
}

function objectIn(part: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
