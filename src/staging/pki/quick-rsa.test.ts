/** Quick RSA pairs are real ones: OpenSSL takes them, they sign and verify, and their numbers belong together. */

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeStagingKeyPair } from './quick-rsa.js';

test('an RSA-2048 pair has the form that kubeadm writes, and signs what its public key verifies', async () => {
  const { privateKeyPem, publicPem } = await makeStagingKeyPair('rsa-2048');
  const pem = privateKeyPem.reveal().toString('utf8');
  expect(pem).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
  const key = createPrivateKey(pem);
  expect(key.asymmetricKeyDetails).toEqual({ modulusLength: 2048, publicExponent: 65_537n });
  const data = Buffer.from('signed');
  expect(verify('sha256', data, createPublicKey(publicPem), sign('sha256', data, key))).toBe(true);
});

test('its numbers are those of RFC 8017, 3.2', async () => {
  const { privateKeyPem } = await makeStagingKeyPair('rsa-2048');
  const jwk = createPrivateKey(privateKeyPem.reveal().toString('utf8')).export({ format: 'jwk' });
  const number = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi'): bigint => BigInt(`0x${Buffer.from(String(jwk[name]), 'base64url').toString('hex')}`);
  expect(number('p') * number('q')).toBe(number('n'));
  expect((number('e') * number('d')) % (number('p') - 1n)).toBe(1n);
  expect((number('e') * number('d')) % (number('q') - 1n)).toBe(1n);
  expect((number('e') * number('dp')) % (number('p') - 1n)).toBe(1n);
  expect((number('e') * number('dq')) % (number('q') - 1n)).toBe(1n);
  expect((number('q') * number('qi')) % number('p')).toBe(1n);
});

test('two pairs are two keys, and other kinds are made as elsewhere', async () => {
  const [one, other] = await Promise.all([makeStagingKeyPair('rsa-2048'), makeStagingKeyPair('rsa-2048')]);
  expect(one.publicPem).not.toBe(other.publicPem);
  expect((await makeStagingKeyPair('ecdsa-p256')).privateKeyPem.reveal().toString('utf8')).toMatch(/^-----BEGIN EC PRIVATE KEY-----/);
});
