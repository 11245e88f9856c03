/** Requests through the CSR API, as the steps make them. */

import { randomBytes, X509Certificate } from 'node:crypto';
import type { KubeObject } from '../../src/ports/kube.js';
import type { Ca } from '../../src/x509/certificate-authority.js';
import { makeKeyPair } from '../../src/x509/key-pair.js';
import { makeRequest } from '../../src/x509/request.js';
import type { Undo } from './behaviour.js';
import { caOfCluster } from './credentials.js';
import { until } from './until.js';
import { callMs, type World } from './world.js';

export const clientSigner = 'kubernetes.io/kube-apiserver-client';

export interface CsrWish {
  readonly signerName: string;
  readonly usages?: readonly string[];
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  readonly sans?: readonly string[];
  readonly expirationSeconds?: number;
}

export async function csrObject(wish: CsrWish): Promise<KubeObject> {
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  const subject = { commonName: wish.commonName ?? 'fidelity-newcomer', organizations: wish.organizations ?? [] };
  const csrPem = await makeRequest({ privateKeyPem, subject, sans: wish.sans ?? [] });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: `fidelity-${randomBytes(4).toString('hex')}` },
    spec: {
      request: Buffer.from(csrPem).toString('base64'),
      signerName: wish.signerName,
      usages: wish.usages ?? ['client auth'],
      ...(wish.expirationSeconds === undefined ? {} : { expirationSeconds: wish.expirationSeconds }),
    },
  };
}

function refOf(name: string): { apiVersion: string; kind: string; name: string } {
  return { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', name };
}

/** Creates a request; it is deleted when the behaviour is over. Returns its name. */
export async function submit(world: World, undo: Undo, wish: CsrWish): Promise<string> {
  const object = await csrObject(wish);
  const { name } = object.metadata;
  undo.add(`request ${name} is removed`, () => world.kube.remove(refOf(name), { deadlineMs: callMs }));
  await world.kube.create(object, { deadlineMs: callMs });
  return name;
}

export interface CsrState {
  readonly conditions: readonly string[];
  /** PEM. */
  readonly certificate: string | undefined;
}

export async function stateOf(world: World, name: string): Promise<CsrState> {
  const { status } = ((await world.kube.read(refOf(name), { deadlineMs: callMs })) ?? {}) as { status?: { certificate?: string; conditions?: { type: string }[] } };
  return {
    conditions: (status?.conditions ?? []).map(({ type }) => type),
    certificate: status?.certificate === undefined ? undefined : Buffer.from(status.certificate, 'base64').toString('utf8'),
  };
}

/** Status and reason of a creation that may be refused. */
export async function tryToCreate(world: World, object: KubeObject): Promise<{ status: number; reason: string; message: string }> {
  const answer = await world.kube.call('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', object, { deadlineMs: callMs });
  if (answer.status === 201) await world.kube.remove(refOf(object.metadata.name), { deadlineMs: callMs });
  const { reason = '', message = '' } = JSON.parse(answer.body) as { reason?: string; message?: string };
  return { status: answer.status, reason, message: answer.status === 201 ? '' : message };
}

/** By whom a new request is signed: by the cluster's CA, by `other`, or not at all. */
export async function signs(world: World, undo: Undo, realMs = 30_000, other?: Ca): Promise<string> {
  const name = await submit(world, undo, { signerName: clientSigner, expirationSeconds: 600 });
  await world.kube.approve(name, 'fidelity', { deadlineMs: callMs });
  const { certificate } = await until(
    world,
    realMs,
    () => stateOf(world, name),
    (state) => state.certificate !== undefined,
  );
  if (certificate === undefined) return 'not signed';
  const leaf = new X509Certificate(certificate);
  const isOf = (ca: Ca): boolean => leaf.checkIssued(new X509Certificate(ca.certificatePem)) && leaf.verify(new X509Certificate(ca.certificatePem).publicKey);
  if (isOf(await caOfCluster(world))) return 'by the cluster CA';
  return other !== undefined && isOf(other) ? 'by the incoming CA' : 'by another CA';
}
