/** Which keys sign the service-account tokens of a cluster, and whether the rotation of its CA replaces them. Public keys only, as hashes. */

import { seemsIssuedBy } from '../pki/certificate.js';
import { type ComponentRecord, fileOf, type Inventory, type NodeRecord, nodesWith } from './inventory.js';
import { certificateOf } from './material.js';

const pki = '/etc/kubernetes/pki';

/** Flags that name files with keys of tokens (kube-apiserver, kube-controller-manager, "Command line tools reference"). */
const keyFlags: readonly (readonly [component: ComponentRecord['name'], flag: string])[] = [
  ['kube-apiserver', 'service-account-key-file'],
  ['kube-controller-manager', 'service-account-private-key-file'],
  ['kube-apiserver', 'service-account-signing-key-file'],
];

/**
 * SHA-256 hashes (lower-case hex) of the public keys by which tokens are signed and accepted, of all control planes.
 * A file may hold a public key, a private key or a certificate (k/k pkg/serviceaccount, keyutil.PublicKeysFromFile).
 * Without flags, or where the scan did not read their files: those of kubeadm, sa.pub and sa.key.
 */
export function tokenKeysOf(inventory: Inventory): string[] {
  return unique(nodesWith(inventory, 'control-plane').flatMap(keysOn));
}

/** Of these the ones that the outgoing CA holds itself or has certified: they go when its leaves go. Empty: tokens have a key of their own. */
export function replacedTokenKeys(inventory: Inventory): string[] {
  const certified = new Set(nodesWith(inventory, 'control-plane').flatMap(keysOfCa));
  return tokenKeysOf(inventory).filter((key) => certified.has(key));
}

/** As a token names the key that signed it: base64url(SHA-256(SPKI DER)) (k/k pkg/serviceaccount/jwt.go keyIDFromPublicKey). */
export function keyIdOf(spki: string): string {
  return Buffer.from(spki, 'hex').toString('base64url');
}

/** The `kid` in the header of a token. undefined: it is no JWT, or names no key. */
export function keyIdIn(token: string): string | undefined {
  const [header = '', ...rest] = token.split('.');
  if (rest.length !== 2) return undefined;
  try {
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { kid?: unknown };
    return typeof kid === 'string' ? kid : undefined;
  } catch {
    return undefined;
  }
}

function keysOn(node: NodeRecord): string[] {
  const named = keysIn(
    node,
    keyFlags.flatMap(([component, flag]) => filesOfFlag(node, component, flag)),
  );
  if (named.length > 0) return named;
  return keysIn(node, [`${pki}/sa.pub`]).concat(keysIn(node, [`${pki}/sa.key`]));
}

/** Several files are joined by commas: the flag may be given more than once. */
function filesOfFlag(node: NodeRecord, component: ComponentRecord['name'], flag: string): string[] {
  const value = node.components.find(({ name }) => name === component)?.flags[flag] ?? '';
  return value.split(',').filter((path) => path !== '');
}

function keysIn(node: NodeRecord, paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const file = fileOf(node, path);
    // Without openssl on the node a private key says nothing: then the certificate that is named beside it does.
    const key = file?.keySpki ?? file?.certificates[0]?.spki ?? certificateOf(node, path)?.certificates[0]?.spki;
    return key === undefined ? [] : [key];
  });
}

/** Of the CA by which API servers know their clients, and of all that it has issued. */
function keysOfCa(node: NodeRecord): string[] {
  const named = filesOfFlag(node, 'kube-apiserver', 'client-ca-file').flatMap((path) => fileOf(node, path)?.certificates ?? []);
  const cas = named.length > 0 ? named : (fileOf(node, `${pki}/ca.crt`)?.certificates ?? []);
  const all = node.files.flatMap(({ certificates, client }) => (client === undefined ? certificates : [...certificates, client]));
  return [...cas, ...all.filter((one) => cas.some((ca) => seemsIssuedBy(one, ca)))].map(({ spki }) => spki);
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
