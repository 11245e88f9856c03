/** Checks on objects before they are stored: k/k pkg/apis/.../validation, as far as a rotation can meet them. */

import { readRequest } from '../../x509/request.js';
import { forbidden, invalid, badRequest } from './status.js';
import { qualifiedKind, type Resource } from './resource-table.js';
import type { NewObject, StoredObject } from './store.js';

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = new RegExp(`^${label}(\\.${label})*$`);
const subdomainWords = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '${label}(\\.${label})*')`;
const labelWords = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '${label}')`;

interface Problem {
  readonly field: string;
  readonly why: string;
  readonly reason?: string;
}

/** Throws 422 (or 403 of an admission plugin). */
export async function validateNew(resource: Resource, object: NewObject): Promise<void> {
  const problems: Problem[] = [...nameProblems(resource, object), ...secretProblems(object)];
  if (resource.kind === 'CertificateSigningRequest') problems.push(...(await requestProblems(resource, object)));
  if (problems.length > 0) throw invalid(qualifiedKind(resource), object.metadata.name ?? object.metadata.generateName ?? '', problems);
}

/** Throws 422. */
export function validateUpdate(resource: Resource, before: StoredObject, object: NewObject): void {
  const fail = (field: string, why: string): never => {
    throw invalid(qualifiedKind(resource), before.metadata.name, [{ field, why }]);
  };
  if (resource.kind === 'Secret' && (object.type ?? 'Opaque') !== before.type) fail('type', `Invalid value: ${JSON.stringify(object.type ?? '')}: field is immutable`);
  const problems = secretProblems(object);
  if (problems.length > 0) throw invalid(qualifiedKind(resource), before.metadata.name, problems);
  for (const [kind, field] of [
    ['Deployment', 'selector'],
    ['DaemonSet', 'selector'],
    ['ReplicaSet', 'selector'],
  ] as const) {
    const [was, is] = [before, object].map((one) => JSON.stringify((one.spec as Record<string, unknown> | undefined)?.[field]));
    if (resource.kind === kind && resource.group === 'apps' && was !== is) fail(`spec.${field}`, `Invalid value: ${is}: field is immutable`);
  }
}

function nameProblems(resource: Resource, { metadata }: NewObject): Problem[] {
  const name = metadata.name ?? '';
  if (name === '') return metadata.generateName ? [] : [{ field: 'metadata.name', why: 'Required value: name or generateName is required', reason: 'FieldValueRequired' }];
  // Names of roles are path segments (apimachinery validation/path).
  if (resource.group === 'rbac.authorization.k8s.io')
    return /[/%]/.test(name) || name === '.' || name === '..' ? [{ field: 'metadata.name', why: `Invalid value: "${name}": may not contain '/'` }] : [];
  const onlyLabel = resource.kind === 'Namespace' || resource.kind === 'Service';
  if (name.length > (onlyLabel ? 63 : 253)) return [{ field: 'metadata.name', why: `Invalid value: "${name}": must be no more than ${onlyLabel ? 63 : 253} characters` }];
  const fits = onlyLabel ? new RegExp(`^${label}$`).test(name) : subdomain.test(name);
  return fits ? [] : [{ field: 'metadata.name', why: `Invalid value: "${name}": ${onlyLabel ? labelWords : subdomainWords}` }];
}

function secretProblems(object: NewObject): Problem[] {
  if (object.kind !== 'Secret' || object.apiVersion !== 'v1') return [];
  for (const value of Object.values((object.data ?? {}) as Record<string, unknown>)) {
    if (typeof value !== 'string' || !/^(?:[A-Za-z0-9+/\s]*={0,2}\s*)$/.test(value))
      throw badRequest('Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0');
  }
  const account = object.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '';
  if (object.type !== 'kubernetes.io/service-account-token' || account !== '') return [];
  return [{ field: 'metadata.annotations[kubernetes.io/service-account.name]', why: 'Required value', reason: 'FieldValueRequired' }];
}

interface RequestSpec {
  readonly request?: string;
  readonly signerName?: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
  readonly username?: string;
}

const kubeletSigners = ['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kubelet-serving'];

/** k/k pkg/apis/certificates/validation/validation.go, and the admission plugins CertificateSubjectRestriction and NodeRestriction (`admitCSR`). */
async function requestProblems(resource: Resource, object: NewObject): Promise<Problem[]> {
  const spec = (object.spec ?? {}) as RequestSpec;
  const problems: Problem[] = [];
  const pem = Buffer.from(spec.request ?? '', 'base64').toString('utf8');
  const request = await readRequest(pem).catch(() => undefined);
  if (request === undefined) problems.push({ field: 'spec.request', why: `Invalid value: ${JSON.stringify(spec.request ?? '')}: PEM block type must be CERTIFICATE REQUEST` });
  if ((spec.usages ?? []).length === 0) problems.push({ field: 'spec.usages', why: 'Required value', reason: 'FieldValueRequired' });
  if ((spec.signerName ?? '') === '') problems.push({ field: 'spec.signerName', why: 'Required value', reason: 'FieldValueRequired' });
  else if (!/^[^/]+\/.+$/.test(spec.signerName ?? ''))
    problems.push({
      field: 'spec.signerName',
      why: `Invalid value: ${JSON.stringify(spec.signerName)}: must be a fully qualified domain and path of the form 'example.com/signer-name'`,
    });
  if (spec.signerName === 'kubernetes.io/legacy-unknown')
    problems.push({ field: 'spec.signerName', why: 'Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version' });
  if (spec.expirationSeconds !== undefined && spec.expirationSeconds < 600) {
    problems.push({ field: 'spec.expirationSeconds', why: `Invalid value: ${spec.expirationSeconds}: may not specify a duration less than 600 seconds (10 minutes)` });
  }
  if (spec.signerName === 'kubernetes.io/kube-apiserver-client' && request?.organizations.includes('system:masters')) {
    throw forbidden(resource, object.metadata.name ?? '', 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed');
  }
  const node = spec.username ?? '';
  if (node.startsWith('system:node:') && kubeletSigners.includes(spec.signerName ?? '') && request !== undefined && request.commonName !== node) {
    throw forbidden(resource, object.metadata.name ?? '', `can only create a node CSR with CN=${node}`);
  }
  return problems;
}
