/** CAs and throw-away leaves: those of the cluster, read with sudo where kubeadm keeps them, and some that nobody knows. */

import { X509Certificate } from 'node:crypto';
import { Secret } from '../../src/domain/secret.js';
import type { ClientCredential } from '../../src/ports/tls-probe.js';
import { type Ca, makeCa, signLeaf } from '../../src/x509/certificate-authority.js';
import { makeKeyPair } from '../../src/x509/key-pair.js';
import { makeRequest } from '../../src/x509/request.js';
import { callMs, controlPlane, type World } from './world.js';

const minuteMs = 60_000;
export const pkiFolder = '/etc/kubernetes/pki';

const read = new WeakMap<World, Map<string, Promise<Ca>>>();

/** `ca`, `etcd/ca` or `front-proxy-ca` of the first control plane; read once. */
export function caOfCluster(world: World, name: 'ca' | 'etcd/ca' | 'front-proxy-ca' = 'ca'): Promise<Ca> {
  const kept = read.get(world) ?? new Map<string, Promise<Ca>>();
  read.set(world, kept);
  const known = kept.get(name) ?? readCa(world, name);
  kept.set(name, known);
  return known;
}

async function readCa(world: World, name: string): Promise<Ca> {
  const shell = world.shell(controlPlane(world).name);
  const certificatePem = firstCertificate(await shell.must(`cat ${pkiFolder}/${name}.crt`, { deadlineMs: callMs }));
  const keyPem = new Secret(await shell.must(`cat ${pkiFolder}/${name}.key`, { deadlineMs: callMs, secretOutput: true }));
  return { certificatePem, keyPem };
}

/** A CA that no cluster knows; valid for an hour unless told otherwise. */
export function newCa(commonName: string, parts: { readonly notBeforeMs?: number; readonly notAfterMs?: number; readonly signedBy?: Ca; readonly of?: Ca } = {}): Promise<Ca> {
  return makeCa({
    subject: { commonName },
    notBeforeMs: parts.notBeforeMs ?? Date.now() - 10 * minuteMs,
    notAfterMs: parts.notAfterMs ?? Date.now() + 60 * minuteMs,
    ...(parts.signedBy === undefined ? {} : { signedBy: parts.signedBy }),
    ...(parts.of === undefined ? {} : { keyPem: parts.of.keyPem }),
  });
}

export interface LeafWish {
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  readonly sans?: readonly string[];
  readonly usages?: readonly ('serverAuth' | 'clientAuth')[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

export const probeUser = 'fidelity-probe';

/** A leaf for ten minutes; without a wish a client certificate of a user in no group. */
export async function leafOf(ca: Ca, wish: LeafWish = {}): Promise<ClientCredential> {
  const pair = await makeKeyPair('ecdsa-p256');
  const subject = { commonName: wish.commonName ?? probeUser, organizations: wish.organizations ?? [] };
  const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject, sans: wish.sans ?? [] });
  const certificatePem = await signLeaf({
    ca,
    csrPem,
    usages: wish.usages ?? ['clientAuth'],
    notBeforeMs: wish.notBeforeMs ?? Date.now() - 10 * minuteMs,
    notAfterMs: wish.notAfterMs ?? Date.now() + 10 * minuteMs,
  });
  return { certificatePem, key: pair.privateKeyPem };
}

export function certificatesIn(text: string): string[] {
  return (text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []).map((pem) => `${pem}\n`);
}

export function firstCertificate(text: string): string {
  const [first] = certificatesIn(text);
  if (first === undefined) throw new Error('there is no certificate');
  return first;
}

export function fingerprintsOf(text: string): string[] {
  return certificatesIn(text).map((pem) => new X509Certificate(pem).fingerprint256);
}
