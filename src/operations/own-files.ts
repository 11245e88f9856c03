/** The operator's own files, which lie on this machine and are put in place: certificates, keys, trust bundles, kubeconfigs. */

import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readKubeconfig } from '../domain/cluster/kubeconfig.js';
import { fail, failuresOf, type Failure } from '../domain/errors.js';
import { findCertificates, readCertificates, spkiOf } from '../domain/pki/certificate.js';
import { splitPem } from '../domain/pki/pem.js';
import { Secret } from '../domain/secret.js';
import type { Content } from '../domain/trust/graph.js';
import type { Site } from '../ports/step-kind.js';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What a file held when the plan was made: no more than its digest and what certificates and keys are known by. */
export const pinned = z
  .strictObject({
    sha256: hash,
    /** Fingerprints of certificates in their order; of a kubeconfig: its CAs. Of a file with keys alone: the SHA-256 of their SPKI. */
    holds: z.array(hash),
    /** Of a kubeconfig with a client certificate in it. */
    client: z.array(hash).optional(),
    pem: z.string(),
    as: z.enum(['certificates', 'keys', 'kubeconfig']),
  })
  .describe('What the file held when the plan was made. Written by "rotate-ca plan"; another content is then refused.');

export type Pinned = z.infer<typeof pinned>;

export const from = z.string().min(1).describe('File on this machine: PEM or a kubeconfig. Relative to the folder of the playbook.');

/** One thing to put somewhere, whatever it is. */
export interface Put {
  readonly from: string;
  readonly content?: Pinned | undefined;
}

/** Where `from` leads: beside the playbook. */
export function ownPath(playbookFile: string, source: string): string {
  return resolve(dirname(playbookFile), source);
}

/** Reads what a plan keeps of a file. Throws file-missing, pem-invalid, kubeconfig-invalid with `file:line:column`. */
export function pinOwnFile(path: string): Pinned {
  return pinOf(readOwn(path).reveal(), path);
}

function pinOf(bytes: Uint8Array, path: string): Pinned {
  const text = Buffer.from(bytes).toString('utf8');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const prints = (pem: string): string[] => findCertificates(pem).map(({ record }) => record.fingerprint);
  const certificatesIn = (...texts: string[]): string => texts.flatMap((one) => findCertificates(one).map(({ pem }) => pem)).join('');
  if (/^kind:\s*["']?Config/m.test(text)) {
    const read = readKubeconfig(text, path);
    return {
      sha256,
      holds: prints(read.caPem ?? ''),
      as: 'kubeconfig',
      pem: certificatesIn(read.caPem ?? '', read.clientCertificatePem ?? ''),
      ...(read.clientCertificatePem === undefined ? {} : { client: prints(read.clientCertificatePem) }),
    };
  }
  const { blocks, damage } = splitPem(text);
  const [torn] = damage;
  if (torn !== undefined) return invalid(path, torn.line, torn.column, torn.cause);
  if (blocks.length === 0) return invalid(path, 1, 1, 'there is neither PEM in it nor a kubeconfig');
  if (blocks.some(({ label }) => label === 'CERTIFICATE'))
    return { sha256, holds: readCertificates(text, { source: path }).map(({ record }) => record.fingerprint), as: 'certificates', pem: certificatesIn(text) };
  return { sha256, holds: keysOf(text, path), as: 'keys', pem: '' };
}

function keysOf(text: string, path: string): string[] {
  return splitPem(text).blocks.map(({ label, line, endLine }) => {
    const block = text
      .split('\n')
      .slice(line - 1, endLine)
      .join('\n');
    try {
      return spkiOf(label === 'PUBLIC KEY' ? createPublicKey(block) : createPublicKey(createPrivateKey(block)));
    } catch {
      // The reason of OpenSSL may quote what it read.
      return invalid(path, line, 1, `the block "${label}" is neither a certificate nor a key that can be read`);
    }
  });
}

function invalid(path: string, line: number, column: number, cause: string): never {
  return fail('pem-invalid', {
    target: `${path}:${line}:${column}`,
    summary: 'the file cannot be put in place',
    cause,
    nextAction: 'Give whole PEM blocks of certificates or keys, or a kubeconfig, then plan again.',
  });
}

function readOwn(path: string): Secret {
  try {
    return new Secret(readFileSync(path));
  } catch (error) {
    return fail('file-missing', {
      target: path,
      summary: 'a file that is to be put in place cannot be read on this machine',
      cause: error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read',
      nextAction: 'Put it there, or correct "from" in the playbook, then run "rotate-ca resume".',
    });
  }
}

/** The bytes to put, the very ones that were planned. Throws file-missing, file-changed, pem-invalid. */
export function ownBytes(site: Pick<Site, 'plan' | 'target'>, put: Put): Secret {
  const path = ownPath(site.plan.playbook.file, put.from);
  const bytes = readOwn(path);
  const now = pinOf(bytes.reveal(), path);
  if (put.content === undefined || put.content.sha256 === now.sha256) return bytes;
  return fail('file-changed', {
    target: path,
    summary: 'the file is not the one that was planned',
    cause: `its SHA-256 is ${now.sha256}, and was ${put.content.sha256} when the plan was made`,
    nextAction: 'Put the planned file back, or make a new plan.',
  });
}

/** What is amiss with files of this machine, all at once. */
export function ownProblems(site: Pick<Site, 'plan' | 'target'>, puts: readonly Put[]): Failure[] {
  return puts.flatMap((put) => {
    try {
      ownBytes(site, put);
      return [];
    } catch (error) {
      const failures = failuresOf(error);
      if (failures === undefined) throw error;
      return failures;
    }
  });
}

/** For the proof of a plan: what lies at the places of a file. */
export function contentsOf(place: string, content: Pinned | undefined): { readonly place: string; readonly content: Content }[] {
  if (content === undefined) return [{ place, content: [] }];
  if (content.as === 'keys') return [{ place: `${place}#key`, content: content.holds }];
  if (content.as === 'certificates') return [{ place, content: content.holds }];
  return [{ place: `${place}#ca`, content: content.holds }, ...(content.client === undefined ? [] : [{ place: `${place}#client`, content: content.client }])];
}

export function broughtBy(puts: readonly Put[]): Record<string, string> {
  return Object.fromEntries(puts.flatMap(({ content }) => findCertificates(content?.pem ?? '').map(({ record, pem }) => [record.fingerprint, pem])));
}

/** Only keys: they are put before the certificates that go with them. */
export function isKeyAlone(bytes: Secret): boolean {
  const labels = splitPem(bytes.reveal().toString('utf8')).blocks.map(({ label }) => label);
  return labels.length > 0 && labels.every((label) => label.endsWith('PRIVATE KEY'));
}

export function holdsKey(bytes: Secret): boolean {
  return /PRIVATE KEY-----|client-key-data:/.test(bytes.reveal().toString('utf8'));
}
