/** JSON Web Tokens of service accounts: keys, signing, verifying. k/k pkg/serviceaccount/jwt.go, legacy.go, claims.go. */

import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign, verify, X509Certificate } from 'node:crypto';
import { splitPem } from '../../domain/pki/pem.js';

export const legacyIssuer = 'kubernetes/serviceaccount';

export interface TokenKey {
  readonly key: KeyObject;
  /** base64url of the SHA-256 of the SubjectPublicKeyInfo. */
  readonly kid: string;
}

export interface Claims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: readonly string[] | string;
  readonly exp?: number;
  readonly iat?: number;
  readonly nbf?: number;
  readonly jti?: string;
  readonly [claim: string]: unknown;
}

/** A private key in PEM, for signing. Throws if it is none. */
export function signingKey(pem: string): TokenKey {
  const block = splitPem(pem).blocks.find((one) => one.label === 'PRIVATE KEY' || one.label.endsWith(' PRIVATE KEY'));
  if (block === undefined) throw new Error('data does not contain a valid RSA or ECDSA private key');
  const key = createPrivateKey(pem);
  return { key, kid: kidOf(createPublicKey(key)) };
}

/** All keys of a file: public keys, certificates and private keys (client-go util/keyutil ParsePublicKeysPEM). Throws if there is none. */
export function verifyKeys(pem: string): TokenKey[] {
  const keys = splitPem(pem).blocks.flatMap((block) => {
    try {
      return [publicKeyOf(block.label, block.bytes)];
    } catch {
      return [];
    }
  });
  if (keys.length === 0) throw new Error('data does not contain any valid RSA or ECDSA public keys');
  return keys.map((key) => ({ key, kid: kidOf(key) }));
}

function publicKeyOf(label: string, der: Buffer): KeyObject {
  if (label === 'CERTIFICATE') return new X509Certificate(der).publicKey;
  if (label === 'PUBLIC KEY') return createPublicKey({ key: der, format: 'der', type: 'spki' });
  const type = label === 'RSA PRIVATE KEY' ? 'pkcs1' : label === 'EC PRIVATE KEY' ? 'sec1' : 'pkcs8';
  return createPublicKey(createPrivateKey({ key: der, format: 'der', type }));
}

export function kidOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

/** RS256 for RSA; ES256, ES384 or ES512 by the curve. RSA gives the same token for the same claims. */
export function signToken(key: TokenKey, claims: Claims): string {
  const header = { alg: algorithmOf(key.key), kid: key.kid };
  const input = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${sign(hashOf(header.alg), Buffer.from(input), { key: key.key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** Claims of a token of a Secret (legacy): no time is in them. */
export function legacyClaims(of: { readonly namespace: string; readonly secret: string; readonly serviceAccount: string; readonly uid: string }): Claims {
  return {
    iss: legacyIssuer,
    'kubernetes.io/serviceaccount/namespace': of.namespace,
    'kubernetes.io/serviceaccount/secret.name': of.secret,
    'kubernetes.io/serviceaccount/service-account.name': of.serviceAccount,
    'kubernetes.io/serviceaccount/service-account.uid': of.uid,
    sub: `system:serviceaccount:${of.namespace}:${of.serviceAccount}`,
  };
}

export interface BoundTo {
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** Claims of a token of the TokenRequest API. Times in Unix seconds. */
export function boundClaims(of: {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  readonly boundTo?: BoundTo;
  readonly node?: { readonly name: string; readonly uid: string };
  readonly now: number;
  readonly expires: number;
  readonly warnAfter?: number;
}): Claims {
  const bound = of.boundTo === undefined ? {} : { [of.boundTo.kind.toLowerCase()]: { name: of.boundTo.name, uid: of.boundTo.uid } };
  return {
    aud: of.audiences,
    exp: of.expires,
    iat: of.now,
    iss: of.issuer,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace: of.namespace,
      ...(of.node === undefined ? {} : { node: of.node }),
      ...bound,
      serviceaccount: of.serviceAccount,
      ...(of.warnAfter === undefined ? {} : { warnafter: of.warnAfter }),
    },
    nbf: of.now,
    sub: `system:serviceaccount:${of.namespace}:${of.serviceAccount.name}`,
  };
}

/** The claims without any check; undefined: it is not a token of this form. */
export function readClaims(token: string): { readonly claims: Claims; readonly kid: string } | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>);
    if (header === undefined || claims === undefined) return undefined;
    return { claims: claims as Claims, kid: typeof header.kid === 'string' ? header.kid : '' };
  } catch {
    return undefined;
  }
}

/** Verified claims; a text says why not. Keys with the token's kid are tried; all of them if it has none. */
export function verifyToken(token: string, keys: readonly TokenKey[]): { readonly claims: Claims } | { readonly error: string } {
  const read = readClaims(token);
  if (read === undefined) return { error: 'malformed token' };
  const fitting = read.kid === '' ? keys : keys.filter((key) => key.kid === read.kid);
  if (fitting.length === 0) return { error: 'invalid signature, no keys found' };
  const [header = '', payload = '', signature = ''] = token.split('.');
  const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { alg?: unknown };
  const holds = fitting.some(
    ({ key }) =>
      alg === algorithmOf(key) && verify(hashOf(String(alg)), Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')),
  );
  return holds ? { claims: read.claims } : { error: 'invalid signature' };
}

/** The key set at /openid/v1/jwks. */
export function jwks(keys: readonly TokenKey[]): Record<string, unknown> {
  return { keys: keys.map(({ key, kid }) => ({ use: 'sig', kid, alg: algorithmOf(key), ...publicPart(key).export({ format: 'jwk' }) })) };
}

function publicPart(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const byCurve: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
  const algorithm = byCurve[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (algorithm === undefined) throw new Error(`unknown public key type ${key.asymmetricKeyType ?? ''}, must be *rsa.PublicKey, *ecdsa.PublicKey, or jose.OpaqueSigner`);
  return algorithm;
}

function hashOf(algorithm: string): string {
  return `sha${algorithm.slice(2)}`;
}
