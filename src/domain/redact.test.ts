import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findSecret, findSecretIn, redact } from './redact.js';

const rsaPkcs1 = generateKeyPairSync('rsa', { modulusLength: 1024, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs1', format: 'pem' } });
const ecSec1 = generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'sec1', format: 'pem' } });
const pkcs8 = generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const encrypted = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
});
const openssh = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n-----END OPENSSH PRIVATE KEY-----\n';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

// Each canary is the part that must not survive.
const secrets: [string, string, string][] = [
  ['PKCS#1 key', rsaPkcs1.privateKey, rsaPkcs1.privateKey.split('\n')[3] ?? ''],
  ['SEC1 key', ecSec1.privateKey, ecSec1.privateKey.split('\n')[1] ?? ''],
  ['PKCS#8 key', pkcs8.privateKey, pkcs8.privateKey.split('\n')[1] ?? ''],
  ['encrypted PKCS#8 key', encrypted.privateKey, encrypted.privateKey.split('\n')[1] ?? ''],
  ['OpenSSH key', openssh, 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmU'],
  ['key in JSON', JSON.stringify({ key: pkcs8.privateKey }), pkcs8.privateKey.split('\n')[1] ?? ''],
  ['key cut off before its end', pkcs8.privateKey.slice(0, 90), pkcs8.privateKey.slice(30, 90)],
  ['base64 of PKCS#1', base64(rsaPkcs1.privateKey), base64(rsaPkcs1.privateKey).slice(40, 90)],
  ['base64 of SEC1', base64(ecSec1.privateKey), base64(ecSec1.privateKey).slice(40, 90)],
  ['base64 of PKCS#8', base64(pkcs8.privateKey), base64(pkcs8.privateKey).slice(40, 90)],
  ['base64 of encrypted PKCS#8', base64(encrypted.privateKey), base64(encrypted.privateKey).slice(40, 90)],
  ['base64 of OpenSSH', base64(openssh), base64(openssh).slice(40, 90)],
  ['client-key-data of a kubeconfig', 'client-key-data: Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5', 'Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5'],
  ['client-key-data in JSON', '{"client-key-data": "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"}', 'Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5'],
  ['Vault service token', 'token hvs.CAESIJ1canaryCANARYcanaryCANARYcanary used', 'CAESIJ1canary'],
  ['Vault batch token', 'hvb.AAAAAQIcanaryCANARYcanaryCANARY', 'canaryCANARY'],
  ['Vault token of old', 'X-Vault-Token: s.CanaryCanaryCanaryCanary', 'CanaryCanary'],
  ['JWT', 'got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5', 'eyJzdWIiOiJjYW5hcnkifQ'],
  ['bearer', 'authorization: Bearer canary.canary_canary-canary==', 'canary_canary'],
  ['age identity', 'AGE-SECRET-KEY-1CANARYQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ', 'CANARYQQ'],
  ['age post-quantum identity', 'AGE-SECRET-KEY-PQ-1CANARYQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ', 'CANARYQQ'],
  ['bootstrap token', 'kubeadm join --token abcdef.0123456789abcdef x', '0123456789abcdef'],
  ['bootstrap token at the end of a sentence', 'It is abcdef.0123456789abcdef.', '0123456789abcdef'],
  ['bootstrap token with its digit in the id', 'abcde1.abcdefghijklmnop', 'abcdefghijklmnop'],
  ['certificate key', `--certificate-key ${'0a'.repeat(32)}`, '0a0a'],
];

describe('redact', () => {
  it.each(secrets)('hides a %s', (_name, text, canary) => {
    expect(canary).not.toBe('');
    expect(text).toContain(canary);
    expect(findSecret(text)).toBeDefined();
    expect(redact(text)).not.toContain(canary);
    expect(findSecret(redact(text))).toBeUndefined();
    expect(redact(`before ${text} `)).toMatch(/^before /);
  });

  it.each([
    ['certificate', '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'],
    ['public key', pkcs8.publicKey],
    ['base64 of a certificate', base64('-----BEGIN CERTIFICATE-----\nMIIBcanary\n-----END CERTIFICATE-----')],
    ['request', '-----BEGIN CERTIFICATE REQUEST-----\nMIIB'],
    ['SHA-256', `sha256:${'0a'.repeat(32)}`],
    ['host name of six and sixteen letters', 'worker.averyveryverylong answered'],
    ['longer host name', 'node01.ab12cd34ef56gh78.example.org'],
    ['time', '2026-11-23T13:00:00.000Z'],
    ['recipient', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdsfzfqps9qq6ap'],
    ['path', '/var/lib/kubelet/pki/kubelet-client-current.pem'],
    ['sentence', 'The bearer of this certificate is s.o. else'],
  ])('leaves a %s alone', (_name, text) => {
    expect(findSecret(text)).toBeUndefined();
    expect(redact(text)).toBe(text);
  });

  it('keeps what stands around two secrets', () => {
    expect(redact('a hvs.CAESIJ1canaryCANARYcanaryCANARY b abcdef.0123456789abcdef c')).toBe('a [secret: Vault token] b [secret: bootstrap token] c');
  });

  it.each([
    [{ a: [{ b: 'abcdef.0123456789abcdef' }] }, { pointer: '/a/0/b', kind: 'bootstrap token' }],
    [{ 'abcdef.0123456789abcdef': 1 }, { pointer: '', kind: 'bootstrap token' }],
    [{ a: [1, null, true, 'plain'] }, undefined],
  ])('points at a secret in %j', (value, expected) => {
    expect(findSecretIn(value)).toEqual(expected);
  });
});
