/** Keys of the engine: which kinds there are, how they are made, and how they are told. */

import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyType } from '../../../domain/cluster/inventory.js';
import { childrenOf, readDer } from '../../../domain/pki/der.js';
import { makeStagingKeyPair } from '../../pki/quick-rsa.js';
import { refused } from '../answer.js';
import type { KeyKind } from './store.js';

/** Bits with the default filled in. Throws Refusal 400 with the words of sdk/helper/certutil. */
export function checkKey(type: string, bits: number): number {
  const asked = bits === 0 ? (defaultBits[type] ?? 0) : bits;
  if (type === 'rsa') {
    if (asked < 2048) throw refused(`RSA keys < 2048 bits are unsafe and not supported: got ${asked}`);
    if (![2048, 3072, 4096, 8192].includes(asked)) throw refused(`unsupported bit length for RSA key: ${asked}`);
  } else if (type === 'ec') {
    if (![224, 256, 384, 521].includes(asked)) throw refused(`unsupported bit length for EC key: ${asked}`);
  } else if (type !== 'any' && type !== 'ed25519') throw refused(`unknown key type ${type}`);
  return asked;
}

const defaultBits: Readonly<Record<string, number>> = { rsa: 2048, ec: 256 };
const recipes: Readonly<Record<string, KeyType>> = {
  'rsa-2048': 'rsa-2048',
  'rsa-3072': 'rsa-3072',
  'rsa-4096': 'rsa-4096',
  'ec-256': 'ecdsa-p256',
  'ec-384': 'ecdsa-p384',
  'ed25519-0': 'ed25519',
};

/** PEM, newline-terminated. RSA 8192, P-224 and P-521, which the real engine knows, cannot be made here. */
export async function makeKey(type: string, bits: number): Promise<{ readonly type: KeyKind; readonly pem: string }> {
  const recipe = recipes[type === 'ed25519' ? 'ed25519-0' : `${type}-${bits}`];
  if (recipe === undefined) throw refused(`the staging Vault makes no ${type} keys of ${bits} bits`);
  return { type: type as KeyKind, pem: (await makeStagingKeyPair(recipe)).privateKeyPem.reveal().toString('utf8') };
}

/** SHA-1 of the key's bits, "aa:bb:...": the subject key identifier. */
export function keyIdentifier(pem: string): string {
  const spki = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' });
  const bits = childrenOf(readDer(spki))[1]?.content.subarray(1) ?? Buffer.alloc(0);
  return colons(createHash('sha1').update(bits).digest());
}

/** "aa:bb:..." */
export function colons(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** The key of an answer: PEM or DER in base64, in the form asked for. */
export function keyInAnswer(pem: string, { format, pkcs8 }: { readonly format: string; readonly pkcs8: boolean }): string {
  const shown = pkcs8 ? (createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }) as string) : pem;
  return format === 'der' ? shown.replace(/-----[^-]+-----|\s/g, '') : shown.trimEnd();
}
