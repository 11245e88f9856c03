/** The controllers of certificate requests: approver of kubelets' own, and signer. */

import type { StoredObject } from '../api/store.js';
import { signLeaf } from '../../x509/certificate-authority.js';
import { readRequest } from '../../x509/request.js';
import type { ControllerWorld } from './controller-world.js';
import { autoApproval, type CsrSpec, type CsrStatus, isApproved, signerNames, usagesToSign, validityOf, whyNotSigned } from './csr-rules.js';

export function approveAndSign(world: ControllerWorld): void {
  const requests = world.cache('CertificateSigningRequest');
  const queue = world.queue('certificate_controller', async (name) => {
    const csr = requests.get(undefined, name);
    if (csr === undefined) return false;
    const status = csr.status as CsrStatus | undefined;
    if (status?.certificate !== undefined) return false;
    if (isApproved(status)) return sign(world, csr, status ?? {});
    if ((status?.conditions ?? []).length > 0) return false;
    return approve(world, csr);
  });
  const add = (object: StoredObject): void => queue.add(object.metadata.name);
  requests.onChange((type, object) => {
    if (type !== 'DELETED') add(object);
  });
  requests.onSynced(() => requests.list().forEach(add));
}

async function approve(world: ControllerWorld, csr: StoredObject): Promise<boolean> {
  const spec = csr.spec as CsrSpec;
  if (spec.signerName !== signerNames.kubeletClient) return false;
  const request = await readRequest(pemOf(spec)).catch(() => undefined);
  const message = request === undefined ? undefined : autoApproval(spec, request);
  if (message === undefined) return false;
  const at = new Date(world.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  const conditions = [{ type: 'Approved', status: 'True', reason: 'AutoApproved', message, lastUpdateTime: at, lastTransitionTime: at }];
  await world.kube.replace('CertificateSigningRequest', { name: csr.metadata.name, subresource: 'approval' }, { ...csr, status: { conditions } });
  return true;
}

async function sign(world: ControllerWorld, csr: StoredObject, status: CsrStatus): Promise<boolean> {
  const spec = csr.spec as CsrSpec;
  const isKnown = (Object.values(signerNames) as string[]).includes(spec.signerName);
  if (!isKnown || world.signer === undefined) return false;
  const csrPem = pemOf(spec);
  const request = await readRequest(csrPem).catch(() => undefined);
  const fault = request === undefined ? 'unable to parse csr' : whyNotSigned(spec, request);
  const where = { name: csr.metadata.name, subresource: 'status' };
  if (fault !== undefined) {
    const at = new Date(world.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message: fault, lastUpdateTime: at, lastTransitionTime: at };
    await world.kube.replace('CertificateSigningRequest', where, { ...csr, status: { ...status, conditions: [...(status.conditions ?? []), failed] } });
    return true;
  }
  const { ca, notAfterMs } = world.signer.current();
  const validity = validityOf({ nowMs: world.now(), caNotAfterMs: notAfterMs, signingDurationMs: world.signingDurationMs, expirationSeconds: spec.expirationSeconds });
  const certificatePem = await signLeaf({ ca, csrPem, usages: usagesToSign(spec), ...validity });
  await world.kube.replace('CertificateSigningRequest', where, { ...csr, status: { ...status, certificate: Buffer.from(certificatePem).toString('base64') } });
  return true;
}

function pemOf(spec: CsrSpec): string {
  return Buffer.from(spec.request, 'base64').toString('utf8');
}
