/** An issuer of ID tokens (OpenID Connect), as far as an API server asks one. */

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface Issuer {
  /** What it says of itself and of its keys, by path. */
  answer(path: string, url: string): unknown;
  /** A token of this subject, for an hour; each one is another. */
  token(subject: string, url: string): string;
}

export const audience = 'load-policies';

/** One with a key of its own, named by `keyId`. */
export function newIssuer(keyId: string): Issuer {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let issued = 0;
  return {
    answer(path, url) {
      if (path === '/.well-known/openid-configuration')
        return {
          issuer: url,
          jwks_uri: `${url}/keys`,
          authorization_endpoint: `${url}/authorize`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        };
      return path === '/keys' ? { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' }] } : undefined;
    },
    token(subject, url) {
      const nowSeconds = Math.floor(Date.now() / 1000);
      issued += 1;
      return signed(
        { alg: 'RS256', kid: keyId, typ: 'JWT' },
        { iss: url, aud: audience, sub: subject, iat: nowSeconds - 10, exp: nowSeconds + 3600, jti: `${issued}` },
        privateKey,
      );
    },
  };
}

function signed(header: object, payload: object, key: KeyObject): string {
  const part = (of: object): string => Buffer.from(JSON.stringify(of)).toString('base64url');
  const text = `${part(header)}.${part(payload)}`;
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}
