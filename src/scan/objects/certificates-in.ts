/** Finds certificates in one API object, wherever a CA is kept: as PEM, as base64 of it, or in a kubeconfig. */

import type { ObjectRecord } from '../../domain/cluster/inventory.js';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import type { KubeObject } from '../../ports/kube.js';
import { type CertificatePool, openPool } from '../certificate-pool.js';

type Found = Pick<ObjectRecord, 'field' | 'encoding' | 'certificates' | 'client'>;

/** Base64 of "-----BEGIN CERTIFICATE-----". */
const beginBase64 = 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t';

/** Records of an object. In a Secret the values of `/data` count as what they are base64 of; keys beside the certificates are never looked at. They go into the pool. */
export function certificatesIn(object: KubeObject, pool = openPool()): ObjectRecord[] {
  return found(object, pool).map((one) => ({
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    ...one,
    writer: writerOf(object),
  }));
}

function found(object: KubeObject, pool: CertificatePool): Found[] {
  const inText = (field: string, text: string): Found[] => textFound(field, text, pool);
  const inBase64 = (field: string, value: string): Found[] =>
    inText(field, Buffer.from(value, 'base64').toString('utf8')).map((one) => (one.encoding === 'pem' ? { ...one, encoding: 'base64-pem' } : one));
  if (object.kind === 'ConfigMap') return [...entries(object.data, '/data', inText), ...entries(object.binaryData, '/binaryData', inBase64)];
  if (object.kind === 'Secret') return entries(object.data, '/data', inBase64);
  // metadata holds a copy of the object in kubectl's annotation, which nobody verifies against.
  return inTree(Object.fromEntries(Object.entries(object).filter(([key]) => key !== 'metadata' && key !== 'status')), '', inText);
}

function entries(data: unknown, pointer: string, read: (field: string, value: string) => Found[]): Found[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([key, value]) => (typeof value === 'string' ? read(`${pointer}/${escaped(key)}`, value) : []));
}

function inTree(value: unknown, pointer: string, read: (field: string, value: string) => Found[]): Found[] {
  if (typeof value === 'string') return read(pointer, value);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => inTree(child, `${pointer}/${escaped(key)}`, read));
}

function textFound(field: string, text: string, pool: CertificatePool): Found[] {
  if (text.includes('-----BEGIN CERTIFICATE-----')) return some({ field, encoding: 'pem', certificates: pool.recordsOf(text) });
  if (!text.includes(beginBase64)) return [];
  if (/^[A-Za-z0-9+/=\s]+$/.test(text)) return some({ field, encoding: 'base64-pem', certificates: pool.recordsOf(decode(text)) });
  return some({ field, encoding: 'kubeconfig', ...inKubeconfig(text, pool) });
}

/** CA certificates of the current context, and its client certificate; if it is no plain kubeconfig, every certificate in it, for it is a copy of a CA all the same. */
function inKubeconfig(text: string, pool: CertificatePool): Pick<Found, 'certificates' | 'client'> {
  try {
    const { caPem = '', clientCertificatePem = '' } = readKubeconfig(text);
    const [client] = pool.recordsOf(clientCertificatePem);
    return { certificates: pool.recordsOf(caPem), ...(client === undefined ? {} : { client }) };
  } catch {
    const certificates = [...text.matchAll(new RegExp(`${beginBase64}[A-Za-z0-9+/]*={0,2}`, 'g'))].flatMap(([run]) => pool.recordsOf(decode(run)));
    return { certificates };
  }
}

function some(one: Found): Found[] {
  return one.certificates.length > 0 || one.client !== undefined ? [one] : [];
}

/** Reference sections 2.1 and 4: who would undo an edit. */
function writerOf({ kind, metadata, ...rest }: KubeObject): ObjectRecord['writer'] {
  const { namespace, name } = metadata;
  if (kind === 'ConfigMap' && name === 'kube-root-ca.crt') return 'kube-controller-manager';
  if (kind === 'ConfigMap' && namespace === 'kube-system' && name === 'extension-apiserver-authentication') return 'kube-apiserver';
  if (kind === 'ConfigMap' && namespace === 'kube-public' && name === 'cluster-info') return 'kubeadm';
  if (kind === 'Secret' && rest.type === 'kubernetes.io/service-account-token') return 'kube-controller-manager';
  return 'none';
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}

/** RFC 6901. */
function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}
