/** Looks at the certificates of a kubeconfig before the first request: what is expired now fails now, with a date. */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fail } from '../../domain/errors.js';
import type { Chosen } from './chosen-context.js';

export interface Material {
  /** undefined: the CAs of this machine. */
  readonly caPem: string | undefined;
  readonly certificatePem: string | undefined;
  readonly keyPem: string | undefined;
}

/** Throws kubeconfig-invalid. Reads files that the kubeconfig names; never runs an exec plugin. */
export function checkCredential(chosen: Chosen, nowMs: number): Material {
  const { cluster, user } = chosen;
  const server = cluster.body.server;
  if (typeof server !== 'string' || !URL.canParse(server) || new URL(server).protocol !== 'https:') {
    refuse(
      cluster.at,
      `The server of cluster "${cluster.name}" is not an https URL`,
      typeof server === 'string' ? `it is "${server}"` : 'there is none',
      'Give its address as https://HOST:PORT',
    );
  }
  for (const key of ['as-groups', 'as-uid', 'as-user-extra']) {
    if (user.body[key] !== undefined)
      refuse(user.at, `User "${user.name}" has "${key}"`, 'impersonation of more than a user name is not supported', 'Take a user without it with --context');
  }
  const caPem = pemOf(cluster, 'certificate-authority');
  const certificatePem = pemOf(user, 'client-certificate');
  const keyPem = pemOf(user, 'client-key');
  if (caPem !== undefined) checkCas(caPem, `cluster "${cluster.name}"`, cluster.at, nowMs);
  if (certificatePem !== undefined) checkClient(certificatePem, keyPem, user.name, user.at, nowMs);
  return { caPem, certificatePem, keyPem };
}

function pemOf(entry: Chosen['user'], key: string): string | undefined {
  const data = entry.body[`${key}-data`];
  const file = entry.body[key];
  // As client-go: embedded data wins over a file.
  if (typeof data === 'string' && data !== '') return Buffer.from(data, 'base64').toString('utf8');
  if (typeof file !== 'string' || file === '') return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return refuse(entry.at, `"${key}" of "${entry.name}" cannot be read`, `${file}: ${code}`, `Make ${file} readable, or take another user with --context`);
  }
}

/** Certificates of a PEM text, in order; throws kubeconfig-invalid if there is none or one cannot be read. */
export function certificatesIn(pem: string, whose: string, at: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[\s\S]+?-----END (?:TRUSTED )?CERTIFICATE-----/g) ?? [];
  const renew = 'Get a new kubeconfig from a control plane: "kubeadm kubeconfig user", or copy /etc/kubernetes/admin.conf';
  if (blocks.length === 0) refuse(at, `The certificate of ${whose} is not PEM`, 'there is no CERTIFICATE block in it', renew);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch {
      return refuse(at, `The certificate of ${whose} cannot be read`, `block ${index + 1} is damaged`, renew);
    }
  });
}

function checkCas(pem: string, whose: string, at: string, nowMs: number): void {
  const cas = certificatesIn(pem, whose, at);
  // One that is valid is enough: bundles keep expired ones for a while.
  const last = cas.toSorted((a, b) => Date.parse(b.validTo) - Date.parse(a.validTo))[0];
  if (last === undefined || Date.parse(last.validTo) > nowMs) return;
  refuse(
    at,
    `The CA that ${whose} is verified with has expired`,
    `"${oneLine(last.subject)}" since ${iso(last.validTo)}`,
    'A cluster whose CA has expired must be repaired on its control planes before it can be rotated: see "kubeadm certs check-expiration" there',
  );
}

function checkClient(certificatePem: string, keyPem: string | undefined, user: string, at: string, nowMs: number): void {
  const leaf = certificatesIn(certificatePem, `user "${user}"`, at)[0];
  if (leaf === undefined) return;
  const names = `"${oneLine(leaf.subject)}", issued by "${oneLine(leaf.issuer)}"`;
  if (Date.parse(leaf.validTo) <= nowMs) {
    refuse(
      at,
      `The client certificate of user "${user}" has expired`,
      `${names}, since ${iso(leaf.validTo)}`,
      'Renew it on a control plane with "kubeadm certs renew admin.conf" and copy /etc/kubernetes/admin.conf from there',
    );
  }
  if (Date.parse(leaf.validFrom) > nowMs) {
    refuse(
      at,
      `The client certificate of user "${user}" is not valid yet`,
      `${names}, from ${iso(leaf.validFrom)}; it is ${new Date(nowMs).toISOString()} here`,
      'Compare the clock of this machine with "date -u"',
    );
  }
  if (keyPem === undefined)
    refuse(at, `User "${user}" has a client certificate without a key`, 'neither client-key nor client-key-data is there', 'Take another user with --context');
  let fits = false;
  try {
    fits = leaf.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    refuse(at, `The client key of user "${user}" cannot be read`, 'it is no unencrypted PEM key', 'Take another user with --context');
  }
  if (!fits) refuse(at, `The client key of user "${user}" is not that of its certificate`, names, 'Take another user with --context');
}

export function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}

function iso(date: string): string {
  return new Date(date).toISOString().replace('.000Z', 'Z');
}

function refuse(target: string, summary: string, cause: string, nextAction: string): never {
  fail('kubeconfig-invalid', { target, summary, cause, nextAction });
}
