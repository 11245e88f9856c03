/** Leaves whose key is made on the node that uses it: only the request travels. */

import { X509Certificate } from 'node:crypto';
import type { KeyType } from '../domain/cluster/inventory.js';
import type { NodeShell } from '../ports/node-shell.js';
import type { Site } from '../ports/step-kind.js';
import { makeKeyPair } from '../x509/key-pair.js';
import { makeRequest } from '../x509/request.js';
import { incomingIssuer, stagingDir } from './run-files.js';
import { caPem } from './trust-bundles.js';
import { limitsOf } from './waiting.js';

export interface LeafWish {
  /** File name of the staged leaf, without ending: "apiserver". */
  readonly name: string;
  readonly keyType: KeyType;
  readonly organizations: readonly string[];
  readonly commonName: string;
  /** "DNS:name" and "IP:address", as X509Certificate.subjectAltName is read by readSans. */
  readonly sans: readonly string[];
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
  readonly ttlMs: number;
}

export interface StagedLeaf {
  readonly certificatePem: string;
  /** Where the key lies on the node, 0600. */
  readonly keyPath: string;
}

/** How far before now a leaf begins to be valid, so that clocks may differ (kubeadm and kube-controller-manager: 5 min). */
export const backdateMs = 5 * 60_000;

/**
 * Makes a key on the node (openssl), has the request signed by the incoming CA, and stages both in the run's folder there.
 * Found again after a crash: a staged pair that is valid is used again.
 * Where a node has no openssl the key is made in memory here and sent over standard input; the note says so.
 */
export async function stageLeaf(site: Site, wish: LeafWish): Promise<StagedLeaf> {
  const shell = site.shell;
  const dir = stagingDir(site);
  const keyPath = `${dir}/${wish.name}.key`;
  const crtPath = `${dir}/${wish.name}.crt`;
  const limits = limitsOf(site, 60_000);
  const at = { ...wish, dir, keyPath };
  const found = await requestFrom(site, shell, { ...at, unlessThere: crtPath });
  const isStaged = found.includes('-----BEGIN CERTIFICATE-----');
  if (isStaged && fits(site, found, wish)) return { certificatePem: found, keyPath };
  const csrPem = isStaged ? await requestFrom(site, shell, at) : found;
  const { issuerId } = incomingIssuer(site);
  const certificatePem = await site.issuer.sign({ issuerId, csrPem, ttlMs: wish.ttlMs, backdateMs, usages: wish.usages }, { signal: site.signal });
  await shell.replaceFile(crtPath, { bytes: Buffer.from(certificatePem), mode: '0600', uid: 0, gid: 0 }, limits);
  return { certificatePem, keyPath };
}

function fits(site: Site, pem: string, wish: LeafWish): boolean {
  const leaf = new X509Certificate(pem);
  const ca = new X509Certificate(caPem(site, 'incoming'));
  return leaf.verify(ca.publicKey) && Date.parse(leaf.validTo) > site.now() + wish.ttlMs / 2;
}

interface KeyWish extends LeafWish {
  readonly dir: string;
  readonly keyPath: string;
  /** A file: where it is there, its text is given back and no key is made. */
  readonly unlessThere?: string;
}

/** The request alone (PEM), with its key left at `keyPath` on the node: for signers other than the run's issuer. */
export async function requestFrom(site: Site, shell: NodeShell, wish: KeyWish): Promise<string> {
  const limits = limitsOf(site, 60_000);
  const node = site.inventory.nodes.find((n) => n.name === shell.node);
  if (node?.tools.openssl === false) return requestFromHere(site, shell, wish);
  const subject = [...wish.organizations.map((o) => `/O=${o}`), `/CN=${wish.commonName}`].join('');
  const sans = wish.sans.length === 0 ? '' : `-addext 'subjectAltName=${wish.sans.join(',')}'`;
  // No trailing partial files: the key is made beside and renamed, so that a killed script leaves nothing that looks whole.
  return shell.must(
    `set -eu; umask 077${wish.unlessThere === undefined ? '' : `; [ ! -s '${wish.unlessThere}' ] || exec cat '${wish.unlessThere}'`}
mkdir -p '${wish.dir}'
openssl genpkey ${opensslKey(wish.keyType)} -out '${wish.keyPath}.part' 2>/dev/null
mv -f '${wish.keyPath}.part' '${wish.keyPath}'; sync '${wish.keyPath}'
openssl req -new -batch -sha256 -key '${wish.keyPath}' -subj '${subject}' ${sans}`,
    limits,
  );
}

async function requestFromHere(site: Site, shell: NodeShell, wish: KeyWish): Promise<string> {
  const limits = limitsOf(site, 60_000);
  const there = wish.unlessThere === undefined ? undefined : await shell.readFile(wish.unlessThere, limits);
  if (there !== undefined) return Buffer.from(there.bytes).toString('utf8');
  site.tell(`${shell.node} has no openssl: the key of ${wish.name} is made in memory here and sent over the connection's standard input`);
  const pair = await makeKeyPair(wish.keyType);
  await shell.must(`umask 077; mkdir -p '${wish.dir}'`, limits);
  await shell.replaceFile(wish.keyPath, { bytes: pair.privateKeyPem, mode: '0600', uid: 0, gid: 0 }, limits);
  return makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { organizations: wish.organizations, commonName: wish.commonName }, sans: wish.sans });
}

function opensslKey(keyType: KeyType): string {
  if (keyType === 'ecdsa-p256') return '-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve';
  if (keyType === 'ecdsa-p384') return '-algorithm EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt ec_param_enc:named_curve';
  const bits = keyType === 'rsa-4096' ? 4096 : keyType === 'rsa-3072' ? 3072 : 2048;
  return `-algorithm RSA -pkeyopt rsa_keygen_bits:${bits}`;
}

/**
 * SANs of a certificate in the form of openssl's subjectAltName ("DNS:a", "IP:10.0.0.1").
 * Copied from the certificate in use: a SAN lost at re-issue is the most frequent outage (reference 6.6).
 */
export function readSans(certificatePem: string): string[] {
  const text = new X509Certificate(certificatePem).subjectAltName ?? '';
  return text
    .split(', ')
    .filter((s) => s !== '')
    .map((s) => s.replace(/^IP Address:/, 'IP:'));
}

/** Subject of a leaf as stageLeaf wants it. */
export function readSubject(certificatePem: string): { commonName: string; organizations: string[] } {
  const lines = new X509Certificate(certificatePem).subject.split('\n');
  const values = (key: string): string[] => lines.filter((l) => l.startsWith(`${key}=`)).map((l) => l.slice(key.length + 1));
  return { commonName: values('CN')[0] ?? '', organizations: values('O') };
}

/** Key type of a certificate's key, for the successor to be of the same. */
export function readKeyType(certificatePem: string): KeyType {
  const key = new X509Certificate(certificatePem).publicKey;
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'ec') return details?.namedCurve === 'secp384r1' ? 'ecdsa-p384' : 'ecdsa-p256';
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  const bits = details?.modulusLength ?? 2048;
  return bits >= 4096 ? 'rsa-4096' : bits >= 3072 ? 'rsa-3072' : 'rsa-2048';
}
