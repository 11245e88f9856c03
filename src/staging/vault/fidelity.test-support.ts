/** Runs the table of requests against a Vault, and tells its answers without what differs from one Vault to the next. */

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { childrenOf, oidOf, readDer } from '../../domain/pki/der.js';
import { parseCertificate } from '../../domain/pki/certificate.js';
import { splitPem } from '../../domain/pki/pem.js';
import { type Row, table } from './fidelity-table.test-support.js';

export interface Target {
  readonly url: string;
  readonly caPem: string;
  readonly rootToken: string;
}

export interface Told {
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

/** Answers by the name of the row, in the order of the table. */
export async function runTable(open: Target, sealed: Target): Promise<Record<string, Told>> {
  const seen: Record<string, unknown> = {};
  const told: Record<string, Told> = {};
  for (const row of table) {
    const target = row.sealed === true ? sealed : open;
    const { status, contentType, text } = await ask(target, filled(row, seen), tokenOf(row, target, seen));
    const body: unknown = text === '' ? null : contentType.startsWith('application/json') ? JSON.parse(text) : text;
    seen[row.name] = body;
    told[row.name] = { status, contentType, body: withoutChance(body) };
  }
  return told;
}

function tokenOf({ token }: Row, target: Target, seen: Readonly<Record<string, unknown>>): string {
  if (token === 'root') return target.rootToken;
  if (token === 'none') return '';
  return token === 'wrong' ? 'hvs.wrong' : fieldOf(seen[token], 'client_token');
}

function filled(row: Row, seen: Readonly<Record<string, unknown>>): { readonly method: string; readonly path: string; readonly body: string | undefined } {
  const put = (text: string, quote: (value: string) => string): string =>
    text.replace(/<([\w-]+)\.(\w+)>/g, (_, name: string, field: string) =>
      quote(field === 'csr' ? readFileSync(`fixtures/requests/${name}.csr`, 'utf8') : fieldOf(seen[name], field)),
    );
  const json = (value: string): string => JSON.stringify(value).slice(1, -1);
  return { method: row.method, path: put(row.path, (value) => value), body: row.body === undefined ? undefined : put(JSON.stringify(row.body), json) };
}

function fieldOf(body: unknown, field: string): string {
  const { data, auth } = (body ?? {}) as { readonly data?: Record<string, unknown> | null; readonly auth?: Record<string, unknown> | null };
  return String(data?.[field] ?? auth?.[field] ?? `no-${field}`);
}

function ask(
  target: Target,
  { method, path, body }: ReturnType<typeof filled>,
  token: string,
): Promise<{ readonly status: number; readonly contentType: string; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${target.url}/v1/${path}`, { method, ca: target.caPem, headers: token === '' ? {} : { 'X-Vault-Token': token } }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, contentType: incoming.headers['content-type'] ?? '', text: Buffer.concat(chunks).toString('utf8') }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const passing = /^(?:accessor|client_token|id|request_id|lease_id|cluster_id|cluster_name|build_date|uuid|entity_id|secret_id|secret_id_accessor|role_id|subject_key_id)$/;
const times = /^(?:creation_time|last_renewal_time|server_time_utc|revocation_time|expiration)$/;
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Ids, times, serials and tokens become signs; certificates what they say; keys their kind. */
export function withoutChance(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const told = value.map((one) => withoutChance(one));
    return /^(?:errors|warnings)$/.test(key) ? told : told.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value === 'number') return times.test(key) && value !== 0 ? '<time>' : /^(?:ttl|lease_duration)$/.test(key) ? Math.round(value / 60) * 60 : value;
  if (typeof value === 'string') return passing.test(key) && value !== '' ? `<${key}>` : textWithoutChance(value, key);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [textWithoutChance(name, ''), withoutChance(inner, name)] as const);
  // What is listed by random ids has no order.
  if (entries.some(([name]) => name === '<uuid>')) return entries.map(([, inner]) => JSON.stringify(inner)).sort();
  return Object.fromEntries(entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
}

function textWithoutChance(text: string, key: string): unknown {
  if (text.includes('-----BEGIN ')) return pemTold(text);
  if (/^[A-Za-z0-9+/]{150,}={0,2}$/.test(text)) return key.includes('key') ? '<base64>' : certificateTold(Buffer.from(text, 'base64'));
  return (
    text
      .replace(uuid, '<uuid>')
      // A second may have passed between the login and its renewal.
      .replace('"1h59m59s"', '"2h"')
      .replace(/\b(?:[0-9a-f]{2}:){15,19}[0-9a-f]{2}\b/g, '<serial>')
      .replace(/\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (time) => (time.includes('.') ? '<time>' : '<whole-time>'))
      .replace(/hvs\.[\w-]{20,}/g, '<token>')
  );
}

function pemTold(text: string): unknown {
  const end = text.endsWith('\n') ? ['newline at the end'] : [];
  return [...splitPem(text.endsWith('\n') ? text : `${text}\n`).blocks.map(({ label, bytes }) => (label === 'CERTIFICATE' ? certificateTold(bytes) : label)), ...end];
}

function certificateTold(der: Buffer): unknown {
  const { record, basicConstraints, version } = parseCertificate(der);
  const extensions = extensionsOf(der);
  return {
    version,
    subject: record.subject,
    issuer: record.issuer,
    keyType: record.keyType,
    // Which curve or hash signs: OpenSSL's names are the same for both.
    signature: signatureOf(der),
    lifeSeconds: Math.round((record.notAfterMs - record.notBeforeMs) / 10_000) * 10,
    ...(/2040-01-01/.test(new Date(record.notAfterMs).toISOString()) ? { lifeSeconds: 'until 2040' } : {}),
    sans: record.sans,
    basicConstraints: basicConstraints ?? null,
    keyUsage: extensions.get('2.5.29.15') ?? null,
    extendedUsages: new X509Certificate(der).keyUsage ?? null,
    selfKeyed: record.aki === record.ski,
    identifiers: [record.ski.length, record.aki.length],
    extensions: [...extensions.keys()].sort(),
    critical: criticalOf(der),
    serialBytes: Math.ceil(record.serial.length / 2) >= 19,
  };
}

function parts(der: Buffer): ReturnType<typeof childrenOf> {
  const [tbs] = childrenOf(readDer(der));
  const wrapped = tbs === undefined ? undefined : childrenOf(tbs).find((field) => field.tag === 0xa3);
  return wrapped === undefined ? [] : childrenOf(readDer(wrapped.content));
}

function extensionsOf(der: Buffer): Map<string, string> {
  return new Map(parts(der).map((extension) => [oidOf(childrenOf(extension)[0]!), childrenOf(extension).at(-1)?.content.toString('hex') ?? '']));
}

function criticalOf(der: Buffer): string[] {
  return parts(der)
    .filter((extension) => childrenOf(extension).length === 3)
    .map((extension) => oidOf(childrenOf(extension)[0]!))
    .sort();
}

function signatureOf(der: Buffer): string {
  const algorithm = childrenOf(readDer(der))[1];
  return algorithm === undefined ? '' : oidOf(childrenOf(algorithm)[0]!);
}
