/** What the programs of Kubernetes and etcd read from PEM files, with their rules and their words. */

import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type Certificate, parseCertificate } from '../../domain/pki/certificate.js';
import { splitPem } from '../../domain/pki/pem.js';
import type { StagingProcess } from '../node/staging-node.js';

export interface PairPem {
  readonly cert: string;
  readonly key: string;
}

/** Throws as os.ReadFile does. */
export function readFile(process: Pick<StagingProcess, 'read'>, path: string): Buffer {
  const bytes = process.read(path);
  if (bytes === undefined) throw new Error(`open ${path}: no such file or directory`);
  return bytes;
}

/** client-go util/cert/pem.go ParseCertsPEM: other blocks are passed over, a malformed certificate refuses the whole. */
export function kubernetesBundle(text: string): Certificate[] {
  const certificates = splitPem(text).blocks.filter((block) => block.label === 'CERTIFICATE' && !block.hasHeaders);
  if (certificates.length === 0) throw new Error('data does not contain any valid RSA or ECDSA certificates');
  return certificates.map((block) => parsed(block.bytes));
}

/** etcd client/pkg/tlsutil/tlsutil.go NewCertPool: every block must be a certificate. */
export function etcdBundle(text: string): Certificate[] {
  return splitPem(text).blocks.map((block) => {
    if (block.label !== 'CERTIFICATE') throw new Error('x509: malformed certificate');
    return parsed(block.bytes);
  });
}

/** crypto/tls X509KeyPair. Throws in its words. */
export function keyPair(cert: Buffer, key: Buffer): PairPem {
  const block = splitPem(cert.toString('utf8')).blocks.find((one) => one.label === 'CERTIFICATE');
  if (block === undefined) throw new Error('tls: failed to find any PEM data in certificate input');
  const leaf = parsed(block.bytes);
  if (!splitPem(key.toString('utf8')).blocks.some((one) => one.label === 'PRIVATE KEY' || one.label.endsWith(' PRIVATE KEY'))) {
    throw new Error('tls: failed to find any PEM data in key input');
  }
  if (!leaf.x509.checkPrivateKey(privateKey(key))) throw new Error('tls: private key does not match public key');
  return { cert: cert.toString('utf8'), key: key.toString('utf8') };
}

function privateKey(key: Buffer): KeyObject {
  try {
    return createPrivateKey(key);
  } catch {
    throw new Error('tls: failed to parse private key');
  }
}

const chains = new WeakMap<TLSSocket, readonly Certificate[]>();

/** What the other end of a connection presented, leaf first; nothing if it sent none. */
export function presentedChain(socket: TLSSocket): readonly Certificate[] {
  const told = chains.get(socket);
  if (told !== undefined) return told;
  const chain: Certificate[] = [];
  let next: { readonly raw?: Buffer; readonly issuerCertificate?: unknown } | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined) {
    const { raw, issuerCertificate }: { readonly raw?: Buffer; readonly issuerCertificate?: unknown } = next;
    if (raw !== undefined) chain.push(parsed(raw));
    next = issuerCertificate === next || chain.length > 10 ? undefined : (issuerCertificate as typeof next);
  }
  chains.set(socket, chain);
  return chain;
}

/** The same few certificates are read again and again: by servers from their files, and by whoever is asked from connections. */
const known = new Map<string, Certificate>();
const mostKnown = 500;

function parsed(der: Buffer): Certificate {
  const key = der.toString('latin1');
  const found = known.get(key);
  if (found !== undefined) return found;
  try {
    const certificate = parseCertificate(der);
    if (known.size >= mostKnown) known.clear();
    known.set(key, certificate);
    return certificate;
  } catch {
    throw new Error('x509: malformed certificate');
  }
}
