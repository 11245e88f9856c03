/** Legacy service-account tokens: claims without any time, so an RSA key gives the same bytes again (k/k pkg/serviceaccount/legacy.go, jwt.go). */

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';

export interface LegacyClaims {
  readonly namespace: string;
  readonly secretName: string;
  readonly accountName: string;
  readonly accountUid: string;
}

/** The signed token. Throws if the key cannot sign tokens (Ed25519 is not supported). */
export function legacyToken(keyPem: string, claims: LegacyClaims): string {
  const key = createPrivateKey(keyPem);
  const prefix = 'kubernetes.io/serviceaccount';
  // go-jose merges claims into one map, and Go marshals maps with sorted keys.
  const payload = {
    iss: 'kubernetes/serviceaccount',
    [`${prefix}/namespace`]: claims.namespace,
    [`${prefix}/secret.name`]: claims.secretName,
    [`${prefix}/service-account.name`]: claims.accountName,
    [`${prefix}/service-account.uid`]: claims.accountUid,
    sub: `system:serviceaccount:${claims.namespace}:${claims.accountName}`,
  };
  const { alg, hash } = algorithmOf(key);
  const signed = `${part({ alg, kid: keyIdOf(key) })}.${part(payload)}`;
  // ECDSA signatures of JOSE are r and s side by side.
  return `${signed}.${sign(hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** base64url(SHA-256(SubjectPublicKeyInfo DER)) */
function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

function algorithmOf(key: KeyObject): { readonly alg: string; readonly hash: string } {
  if (key.asymmetricKeyType === 'rsa') return { alg: 'RS256', hash: 'sha256' };
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve === 'prime256v1') return { alg: 'ES256', hash: 'sha256' };
  if (curve === 'secp384r1') return { alg: 'ES384', hash: 'sha384' };
  if (curve === 'secp521r1') return { alg: 'ES512', hash: 'sha512' };
  throw new Error(`unknown private key type ${key.asymmetricKeyType ?? ''}, must be *rsa.PrivateKey, *ecdsa.PrivateKey, or jose.OpaqueSigner`);
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
