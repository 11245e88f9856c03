/** Makes key pairs, off the main thread. */

import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { KeyType } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import { Secret } from '../domain/secret.js';
import { rememberKey } from './crypto.js';

export interface KeyPair {
  /** In the form that kubeadm writes: PKCS#1 for RSA, SEC 1 for ECDSA; PKCS#8 for Ed25519. */
  readonly privateKeyPem: Secret;
  /** SubjectPublicKeyInfo. */
  readonly publicPem: string;
}

const generate = promisify(generateKeyPair) as unknown as (type: string, options: Readonly<Record<string, unknown>>) => Promise<{ publicKey: KeyObject; privateKey: KeyObject }>;

const recipes: Readonly<Partial<Record<KeyType, readonly [type: string, options: Readonly<Record<string, unknown>>, form: 'pkcs1' | 'sec1' | 'pkcs8']>>> = {
  'rsa-2048': ['rsa', { modulusLength: 2048 }, 'pkcs1'],
  'rsa-3072': ['rsa', { modulusLength: 3072 }, 'pkcs1'],
  'rsa-4096': ['rsa', { modulusLength: 4096 }, 'pkcs1'],
  'ecdsa-p256': ['ec', { namedCurve: 'P-256' }, 'sec1'],
  'ecdsa-p384': ['ec', { namedCurve: 'P-384' }, 'sec1'],
  ed25519: ['ed25519', {}, 'pkcs8'],
};

/** A new key pair. Throws ca-rejected for the key type `other`. */
export async function makeKeyPair(keyType: KeyType): Promise<KeyPair> {
  const recipe = recipes[keyType];
  if (recipe === undefined) {
    return fail('ca-rejected', { target: 'key', summary: `no key of the kind "${keyType}" can be made`, nextAction: `Choose one of ${Object.keys(recipes).join(', ')}` });
  }
  const [type, options, form] = recipe;
  const { privateKey, publicKey } = await generate(type, options);
  const privateKeyPem = new Secret(privateKey.export({ type: form, format: 'pem' } as { type: 'pkcs8'; format: 'pem' }) as string);
  rememberKey(privateKeyPem, privateKey);
  return {
    privateKeyPem,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  };
}
