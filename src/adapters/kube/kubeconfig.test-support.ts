/** Kubeconfig files in temporary folders, which removeFolders takes away, and what an error of a test is. */

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Failure, failuresOf } from '../../domain/errors.js';

const made: string[] = [];

export function folder(): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'rotate-ca-kube-'));
  made.push(dir);
  return dir;
}

/** To be called after the last test of a file. */
export function removeFolders(): void {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true });
}

export function write(dir: string, name: string, text: string, mode = 0o600): string {
  const file = path.join(dir, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

export interface Parts {
  readonly server: string;
  readonly caPem?: string;
  readonly client?: { readonly certificatePem: string; readonly key: { reveal(): Buffer } };
  /** Lines of the user, beside the certificate. */
  readonly user?: readonly string[];
  readonly cluster?: readonly string[];
}

export function kubeconfigText(parts: Parts): string {
  const data = (text: string | Buffer): string => Buffer.from(text).toString('base64');
  const cluster = [`server: ${parts.server}`, ...(parts.caPem === undefined ? [] : [`certificate-authority-data: ${data(parts.caPem)}`]), ...(parts.cluster ?? [])];
  const client = parts.client === undefined ? [] : [`client-certificate-data: ${data(parts.client.certificatePem)}`, `client-key-data: ${data(parts.client.key.reveal())}`];
  const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}`).join('\n');
  return `apiVersion: v1
kind: Config
current-context: admin@lab
contexts:
- name: admin@lab
  context:
    cluster: lab
    user: admin
clusters:
- name: lab
  cluster:
${indented(cluster)}
users:
- name: admin
  user:
${indented([...client, ...(parts.user ?? []), 'extensions: []'])}
`;
}

/** The first failure that a promise rejects with. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    const first = failuresOf(error)?.[0];
    if (first !== undefined) return first;
    throw error;
  }
  throw new Error('it did not fail');
}
