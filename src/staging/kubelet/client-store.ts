/** The kubelet's client certificate on disk: files named by the time, and a link to the current one (client-go util/certificate/certificate_store.go). */

import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { splitPem, pemOf } from '../../domain/pki/pem.js';
import type { StagingNode } from '../node/staging-node.js';

export const kubeletPki = '/var/lib/kubelet/pki';
export const currentClient = `${kubeletPki}/kubelet-client-current.pem`;

export interface Pair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** Certificates and the key of one file; undefined if one of both is missing. */
export function pairIn(text: string): Pair | undefined {
  const { blocks } = splitPem(text);
  const certificatePem = blocks.flatMap((block) => (block.label === 'CERTIFICATE' ? [pemOf(block.label, block.bytes)] : [])).join('');
  const key = blocks.find((block) => block.label.endsWith('PRIVATE KEY'));
  return certificatePem === '' || key === undefined ? undefined : { certificatePem, keyPem: pemOf(key.label, key.bytes) };
}

/** Leaf then key, 0600, then the link. Throws as the store does when a regular file lies where the link must be. */
export function storePair(node: StagingNode, pair: Pair, nowMs: number, current: 'client' | 'server' = 'client'): void {
  const link = `${kubeletPki}/kubelet-${current}-current.pem`;
  const there = lstatSync(join(node.root, link), { throwIfNoEntry: false });
  if (there !== undefined && !there.isSymbolicLink()) throw new Error(`expected "${link}" to be a symlink but it is a file`);
  // A second pair within a second would take the name of the first: the store waits then, too.
  let atMs = nowMs;
  let path = fileAt(current, atMs);
  while (node.read(path) !== undefined) {
    atMs += 1000;
    path = fileAt(current, atMs);
  }
  node.write(path, `${pair.certificatePem}${pair.keyPem}`, { mode: 0o600 });
  node.link(link, path);
}

function fileAt(current: 'client' | 'server', atMs: number): string {
  const stamp = new Date(atMs).toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '-');
  return `${kubeletPki}/kubelet-${current}-${stamp}.pem`;
}
