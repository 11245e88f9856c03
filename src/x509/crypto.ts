/** Binds @peculiar/x509 to the WebCrypto of Node. Everything here that makes certificates imports the library from this file. */

// The library's container needs the metadata API before its first import.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { KeyType } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import type { Secret } from '../domain/secret.js';

// Node's Crypto and that of the library's types differ in name only.
x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

export { x509 };

/** Algorithms of a key as WebCrypto names them: for importing it, and for signing with it. */
export interface KeyAlgorithms {
  readonly importing: webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | webcrypto.Algorithm;
  readonly signing: webcrypto.EcdsaParams | webcrypto.Algorithm;
}

/** Throws ca-rejected for kinds of keys that cannot be used here. */
export function algorithmsOf(key: KeyObject): KeyAlgorithms {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === 'rsa') return { importing: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, signing: { name: 'RSASSA-PKCS1-v1_5' } };
  if (key.asymmetricKeyType === 'ec' && curve === 'prime256v1') return { importing: { name: 'ECDSA', namedCurve: 'P-256' }, signing: { name: 'ECDSA', hash: 'SHA-256' } };
  if (key.asymmetricKeyType === 'ec' && curve === 'secp384r1') return { importing: { name: 'ECDSA', namedCurve: 'P-384' }, signing: { name: 'ECDSA', hash: 'SHA-384' } };
  if (key.asymmetricKeyType === 'ed25519') return { importing: { name: 'Ed25519' }, signing: { name: 'Ed25519' } };
  return fail('ca-rejected', {
    target: 'key',
    summary: `keys of the kind "${key.asymmetricKeyType ?? 'unknown'}" ${curve ?? ''} cannot be used`,
    nextAction: 'Use RSA 2048, 3072 or 4096, ECDSA P-256 or P-384, or Ed25519',
  });
}

interface CryptoKeys {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly signing: KeyAlgorithms['signing'];
}

/** To read a key costs more than to sign with it: a CA signs hundreds of leaves. They are forgotten with their Secret. */
const known = new WeakMap<Secret, Promise<CryptoKeys>>();

/** The WebCrypto pair of a private key in PEM (PKCS#1, SEC 1 or PKCS#8). Throws ca-rejected if it is not a key. */
export function cryptoKeysOf(keyPem: Secret): Promise<CryptoKeys> {
  const found = known.get(keyPem);
  if (found !== undefined) return found;
  const made = importKeys(keyPem);
  known.set(keyPem, made);
  return made;
}

async function importKeys(keyPem: Secret): Promise<CryptoKeys> {
  const key = privateKeyOf(keyPem);
  const { importing, signing } = algorithmsOf(key);
  // By its numbers: OpenSSL's decoder of PKCS#8 costs twenty times as much.
  const privateKey = await webcrypto.subtle.importKey('jwk', key.export({ format: 'jwk' }) as webcrypto.JsonWebKey, importing, true, ['sign']);
  const publicKey = await webcrypto.subtle.importKey('jwk', createPublicKey(key).export({ format: 'jwk' }) as webcrypto.JsonWebKey, importing, true, ['verify']);
  return { keys: { privateKey, publicKey }, signing };
}

const read = new WeakMap<Secret, KeyObject>();

/** A key that was just made need not be read from its text. */
export function rememberKey(keyPem: Secret, key: KeyObject): void {
  read.set(keyPem, key);
}

/** Reads a private key. Throws ca-rejected; the cause never quotes the text. */
export function privateKeyOf(keyPem: Secret): KeyObject {
  try {
    const key = read.get(keyPem) ?? createPrivateKey(keyPem.reveal());
    read.set(keyPem, key);
    return key;
  } catch {
    return fail('ca-rejected', {
      target: 'key',
      summary: 'a private key cannot be read',
      cause: 'it is not an unencrypted key in PEM',
      nextAction: 'Give the key as PKCS#1, SEC 1 or PKCS#8 in PEM',
    });
  }
}

/** Type of a key, as inventories name it. */
export function keyTypeOfKey(key: KeyObject): KeyType {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return modulusLength === 2048 ? 'rsa-2048' : modulusLength === 3072 ? 'rsa-3072' : modulusLength === 4096 ? 'rsa-4096' : 'other';
  if (key.asymmetricKeyType === 'ec') return namedCurve === 'prime256v1' ? 'ecdsa-p256' : namedCurve === 'secp384r1' ? 'ecdsa-p384' : 'other';
  return key.asymmetricKeyType === 'ed25519' ? 'ed25519' : 'other';
}
