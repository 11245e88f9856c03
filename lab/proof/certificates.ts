/** Certificates for the subjects of the proof and for plans made wrong on purpose: nothing of src is used, so that nothing of it is believed. */

import 'reflect-metadata';
import { createPrivateKey, createPublicKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 };
const dayMs = 86_400_000;

/** One certificate and its key, as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Wish {
  /** `CN=kubernetes`, `O=system:nodes, CN=system:node:pw1`. */
  readonly subject: string;
  /** `DNS:a`, `IP:10.0.0.1`. */
  readonly names?: readonly string[];
  readonly usages?: readonly ('server' | 'client')[];
  readonly isCa?: boolean;
  /** From now; default: a day ago to a year ahead. */
  readonly fromDays?: number;
  readonly toDays?: number;
  /** Leaves the authority key identifier out. */
  readonly withoutIssuerKeyId?: boolean;
  /** Keys of another certificate; default: new ones. */
  readonly key?: string;
}

async function importKeys(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const key = createPrivateKey(pem);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), algorithm, true, ['sign']);
  const publicKey = await webcrypto.subtle.importKey('spki', createPublicKey(key).export({ type: 'spki', format: 'der' }), algorithm, true, ['verify']);
  return { privateKey, publicKey } as webcrypto.CryptoKeyPair;
}

async function keysOf(wish: Wish): Promise<webcrypto.CryptoKeyPair> {
  if (wish.key !== undefined) return importKeys(wish.key);
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

function generalNames(names: readonly string[]): x509.JsonGeneralName[] {
  return names.map((name) => ({ type: name.startsWith('IP:') ? 'ip' : 'dns', value: name.slice(name.indexOf(':') + 1) }));
}

/** Issued by that CA; without one: by itself. */
export async function issue(wish: Wish, by?: Pair): Promise<Pair> {
  const keys = await keysOf(wish);
  const issuer = by === undefined ? undefined : new x509.X509Certificate(by.certificate);
  const signer = by === undefined ? keys : await importKeys(by.key);
  const isCa = wish.isCa === true;
  const usages = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth };
  const extensions: x509.Extension[] = [
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment | (isCa ? x509.KeyUsageFlags.keyCertSign : 0), true),
    new x509.BasicConstraintsExtension(isCa, undefined, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ...(wish.usages === undefined ? [] : [new x509.ExtendedKeyUsageExtension(wish.usages.map((usage) => usages[usage]))]),
    ...(wish.names === undefined || wish.names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(generalNames(wish.names))]),
    ...(wish.withoutIssuerKeyId === true ? [] : [await x509.AuthorityKeyIdentifierExtension.create(issuer?.publicKey ?? keys.publicKey)]),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `01${randomBytes(7).toString('hex')}`,
    subject: wish.subject,
    issuer: issuer?.subject ?? wish.subject,
    notBefore: new Date(Date.now() + (wish.fromDays ?? -1) * dayMs),
    notAfter: new Date(Date.now() + (wish.toDays ?? 365) * dayMs),
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: algorithm,
    extensions,
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: createPrivateKey({ key, type: 'pkcs8', format: 'der' }).export({ type: 'pkcs1', format: 'pem' }).toString(),
  };
}

/** Names of a certificate as `Wish.names` has them. */
export function namesOf(pem: string): string[] {
  const extension = new x509.X509Certificate(pem).getExtension(x509.SubjectAlternativeNameExtension);
  return extension?.names.toJSON().map(({ type, value }) => `${type === 'ip' ? 'IP' : 'DNS'}:${value}`) ?? [];
}

export function subjectOf(pem: string): string {
  return new x509.X509Certificate(pem).subject;
}
