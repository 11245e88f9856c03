/** Is what Vault returned what was asked for? A root that is slightly off would be found out only when it is everywhere. */

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { fail } from '../../domain/errors.js';
import { type Certificate, isIssuedBy, readCertificates, spkiOf } from '../../domain/pki/certificate.js';
import { readDer } from '../../domain/pki/der.js';
import type { LeafWish } from '../../domain/issuing/unfit-role.js';
import type { NewCa, SignRequest } from '../../ports/issuer.js';
import { attributesOf, readRequest } from './request.js';

/** Differences of Vault's clock to ours that are let pass; the preflight of a run refuses more. */
const clockSlackMs = 90_000;

/** Throws RotationError ca-rejected with everything that is wrong. `key`: PEM, where the issuer gave it away. */
export function inspectCa(pem: string, { ca, key, nowMs }: { readonly ca: NewCa; readonly key?: string; readonly nowMs: number }): void {
  const certificate = only(pem, ca.name);
  const { record } = certificate;
  const wanted = [`CN=${ca.commonName}`, `serialNumber=${ca.serialNumber}`].sort();
  reject(ca.name, [
    [isIssuedBy(certificate, certificate), 'it is not self-signed'],
    [certificate.version === 3 && record.isCa, 'it is no CA (basicConstraints)'],
    [certificate.basicConstraints?.pathLength === undefined, 'it limits the length of paths'],
    [certificate.keyCertSign === true, 'its key usage does not let it sign certificates'],
    [certificate.extendedUsages === undefined, 'it has extended key usages, which limit what its leaves may do'],
    [record.ski !== '', 'it has no subject key identifier'],
    [record.aki === '' || record.aki === record.ski, 'its authority key identifier is not its own'],
    [subjectOf(certificate).join() === wanted.join(), `its subject is "${record.subject}", not "${wanted.join(', ')}"`],
    [record.sans.length === 0, `it has alternative names (${record.sans.join(', ')})`],
    [record.keyType === ca.keyType, `its key is ${record.keyType}, not ${ca.keyType}`],
    [key === undefined || pairs(key, record.spki), 'the key that came with it is not its key'],
    [record.notBeforeMs <= nowMs - ca.backdateMs + clockSlackMs, `it is valid only from ${new Date(record.notBeforeMs).toISOString()}, which is not ${ca.backdateMs / 1000} s ago`],
    [record.notAfterMs >= nowMs + ca.ttlMs - clockSlackMs, `it ends at ${new Date(record.notAfterMs).toISOString()}, sooner than asked for: the mount or Vault caps lifetimes`],
  ]);
}

/** Throws RotationError ca-rejected. `nowMs`: our clock. */
export function inspectLeaf(pem: string, { request, nowMs }: { readonly request: SignRequest; readonly nowMs: number }): void {
  const certificate = only(pem, request.issuerId);
  const { record } = certificate;
  const asked = readRequest(request.csrPem);
  reject(request.issuerId, [
    [record.spki === asked.spki, 'it is for another key than that of the request'],
    [subjectOf(certificate).join() === asked.subject.join(), `its subject is "${record.subject}", the request has "${asked.subject.join(', ')}"`],
    [[...record.sans].sort().join() === asked.sans.join(), `its alternative names are "${record.sans.join(', ')}", the request has "${asked.sans.join(', ')}"`],
    [[...record.usages].sort().join() === [...request.usages].sort().join(), `its usages are "${record.usages.join(', ')}", asked for were "${request.usages.join(', ')}"`],
    [!record.isCa, 'it is a CA'],
    [record.notBeforeMs <= nowMs + clockSlackMs, `it is valid only from ${new Date(record.notBeforeMs).toISOString()}`],
    [
      record.notAfterMs >= nowMs + request.ttlMs - clockSlackMs,
      `it ends at ${new Date(record.notAfterMs).toISOString()}, sooner than asked for: the mount or Vault caps lifetimes`,
    ],
  ]);
}

/** A leaf issued under a role: it may have more usages than were wished for, and nothing else that the wish does not say. Throws RotationError ca-rejected. */
export function inspectRoleLeaf(
  pem: string,
  { csrPem, leaf, issuerId, nowMs }: { readonly csrPem: string; readonly leaf: LeafWish; readonly issuerId: string; readonly nowMs: number },
): void {
  const certificate = only(pem, issuerId);
  const { record } = certificate;
  const wanted = [`CN=${leaf.commonName}`, ...leaf.organizations.map((organization) => `O=${organization}`)].sort();
  const missing = leaf.usages.filter((usage) => !record.usages.includes(usage));
  reject(leaf.commonName, [
    [record.spki === readRequest(csrPem).spki, 'it is for another key than that of the request'],
    [subjectOf(certificate).join() === wanted.join(), `its subject is "${record.subject}", not "${wanted.join(', ')}"`],
    [[...record.sans].sort().join() === [...leaf.sans].sort().join(), `its alternative names are "${record.sans.join(', ')}", wanted are "${leaf.sans.join(', ')}"`],
    [missing.length === 0, `it has no usage ${missing.join(', ')}`],
    [!record.isCa, 'it is a CA'],
    [record.notBeforeMs <= nowMs + clockSlackMs, `it is valid only from ${new Date(record.notBeforeMs).toISOString()}`],
    [record.notAfterMs >= nowMs + leaf.ttlMs - clockSlackMs, `it ends at ${new Date(record.notAfterMs).toISOString()}, sooner than asked for: the mount or Vault caps lifetimes`],
  ]);
}

function subjectOf(certificate: Certificate): string[] {
  return attributesOf(readDer(Buffer.from(certificate.rawSubject, 'hex')));
}

function only(pem: string, target: string): Certificate {
  const [first, ...others] = readCertificates(pem, { source: `answer of Vault for "${target}"` });
  if (first === undefined || others.length > 0) return refuse(target, [`${others.length + 1} certificates came, not one`]);
  return first;
}

function pairs(key: string, spki: string): boolean {
  try {
    return spkiOf(createPublicKey(createPrivateKey(key))) === spki;
  } catch {
    return false; // OpenSSL's error could quote the key.
  }
}

function reject(target: string, rules: readonly (readonly [holds: boolean, complaint: string])[]): void {
  const complaints = rules.filter(([holds]) => !holds).map(([, complaint]) => complaint);
  if (complaints.length > 0) refuse(target, complaints);
}

function refuse(target: string, complaints: readonly string[]): never {
  return fail('ca-rejected', {
    target,
    summary: 'The certificate that Vault returned is not what was asked for',
    cause: complaints.join('; '),
    nextAction: 'Look at the mount: vault read PATH/config/issuers, PATH/config/urls; then run "rotate-ca resume"',
  });
}
