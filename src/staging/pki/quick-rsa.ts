/** RSA key pairs of staging: from two primes of OpenSSL, at a third of the processor time that its own key generation takes. */

import { createPrivateKey, createPublicKey, generatePrime, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyType } from '../../domain/cluster/inventory.js';
import { Secret } from '../../domain/secret.js';
import { type KeyPair, makeKeyPair } from '../../x509/key-pair.js';

const prime = promisify(generatePrime) as unknown as (bits: number, options: { readonly bigint: true }) => Promise<bigint>;
const exponent = 65_537n;

/**
 * A new key pair; RSA-2048 in the quick way, off the main thread, all others as makeKeyPair does. A staging cluster needs some fifty of
 * them before it is up. For throw-away clusters only: the checks of FIPS 186-5 on the primes are left out. Throws ca-rejected.
 */
export async function makeStagingKeyPair(keyType: KeyType): Promise<KeyPair> {
  if (keyType !== 'rsa-2048') return makeKeyPair(keyType);
  const privateKey = await rsaKey(2048);
  return {
    privateKeyPem: new Secret(privateKey.export({ type: 'pkcs1', format: 'pem' }) as string),
    publicPem: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) as string,
  };
}

async function rsaKey(bits: number): Promise<KeyObject> {
  for (;;) {
    // OpenSSL sets the two highest bits of each (BN_generate_prime_ex): the product has exactly `bits`.
    const [p, q] = await Promise.all([prime(bits / 2, { bigint: true }), prime(bits / 2, { bigint: true })]);
    if (p === q || p % exponent === 1n || q % exponent === 1n) continue;
    const d = inverse(exponent, (p - 1n) * (q - 1n));
    const numbers = { n: p * q, e: exponent, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
    const jwk = Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, base64url(number)]));
    return createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' });
  }
}

/** x with a * x = 1 (mod m), by Euclid. */
function inverse(a: bigint, m: bigint): bigint {
  let [r, s] = [m, a % m];
  let [x, y] = [0n, 1n];
  while (s !== 0n) {
    const quotient = r / s;
    [r, s] = [s, r - quotient * s];
    [x, y] = [y, x - quotient * y];
  }
  return x < 0n ? x + m : x;
}

function base64url(number: bigint): string {
  const hex = number.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
}
