/** Client certificates as Kubernetes servers verify them: at every request, against the bundle that is loaded then, by Go's rules. */

import type { TLSSocket } from 'node:tls';
import { presentedChain } from '../api/cert-files.js';
import { type CertPool, verifyChain } from '../api/verify-client.js';

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
}

/** `none`: no certificate was sent; `refused`: 401. CN and O of one that holds (apiserver: pkg/authentication/request/x509/x509.go). `nowMs` is the clock of the server. */
export function userOf(socket: TLSSocket, pool: CertPool | undefined, nowMs: number): User | 'none' | 'refused' {
  let chain: ReturnType<typeof presentedChain>;
  try {
    chain = presentedChain(socket);
  } catch {
    return 'refused';
  }
  const [leaf] = chain;
  if (leaf === undefined) return 'none';
  if (pool === undefined || verifyChain(chain, { pool, nowMs, usage: 'clientAuth' }) !== undefined) return 'refused';
  // The legacy form gives an attribute that is there several times as a list.
  const subject = leaf.x509.toLegacyObject().subject as unknown as Readonly<Record<string, string | readonly string[] | undefined>>;
  const [name = ''] = [subject.CN ?? ''].flat();
  return name === '' ? 'refused' : { name, groups: [subject.O ?? []].flat() };
}
