/** The incoming CA, asked of Vault itself by its administrator, and leaves of it for the tests' own clients. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import { mustCallVault } from '../vault/api.js';
import { vaultFiles } from '../vault/files.js';
import { pkiMount } from '../vault/setup.js';

export interface VaultIssuer {
  readonly id: string;
  readonly certificatePem: string;
}

export function vaultRootToken(lab: Lab): string {
  return (JSON.parse(readFileSync(vaultFiles(lab.paths).init, 'utf8')) as { root_token: string }).root_token;
}

/** The roots that rotate-ca made and has not taken back. */
export async function issuersInVault(lab: Lab): Promise<VaultIssuer[]> {
  const token = vaultRootToken(lab);
  const { data } = (await mustCallVault(lab.paths, { method: 'GET', path: `${pkiMount}/issuers?list=true`, token }).catch(noIssuers)) as { data: { keys: string[] } };
  return Promise.all(
    data.keys.map(async (id) => {
      const issuer = (await mustCallVault(lab.paths, { method: 'GET', path: `${pkiMount}/issuer/${id}`, token })) as { data: { certificate: string } };
      return { id, certificatePem: issuer.data.certificate };
    }),
  );
}

/** Vault answers 404 to the list of an engine that has none. */
function noIssuers(error: unknown): { data: { keys: string[] } } {
  if (error instanceof Error && error.message.includes(': 404 []')) return { data: { keys: [] } };
  throw error;
}

/** The one root that is there during and after a rotation. */
export async function incomingIssuer(lab: Lab): Promise<VaultIssuer> {
  const [issuer, ...others] = await issuersInVault(lab);
  if (issuer === undefined || others.length > 0) throw new Error(`Vault has ${others.length + (issuer === undefined ? 0 : 1)} issuers, not one`);
  return issuer;
}

/** A client certificate of the incoming CA, without rotate-ca and without the cluster. `subject` as openssl writes it. */
export async function incomingClientLeaf(
  lab: Lab,
  wanted: { readonly subject: string; readonly folder: string; readonly name: string },
): Promise<{ certFile: string; keyFile: string }> {
  const issuer = await incomingIssuer(lab);
  const keyFile = join(wanted.folder, `${wanted.name}.key`);
  const certFile = join(wanted.folder, `${wanted.name}.crt`);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const { stdout: csr } = await runCommand('openssl', ['req', '-new', '-nodes', ...curve, '-keyout', keyFile, '-subj', wanted.subject]);
  const body = { csr, ttl: '24h', key_usage: ['DigitalSignature'], ext_key_usage: ['ClientAuth'], format: 'pem' };
  const signed = (await mustCallVault(lab.paths, { method: 'POST', path: `${pkiMount}/issuer/${issuer.id}/sign-verbatim`, token: vaultRootToken(lab), body })) as {
    data: { certificate: string };
  };
  writeFileAtomically(certFile, `${signed.data.certificate}\n`);
  return { certFile, keyFile };
}
