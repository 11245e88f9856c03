/** The incoming CA, asked of Vault itself by its administrator, and leaves for the tests' own clients. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.js';
import { runCommand } from '../command.js';
import type { Lab } from '../lab.js';
import { mustCallVault } from '../vault/api.js';
import { issuedLeaf } from '../hard-way/issue-leaves.js';
import { hardWayMount } from '../hard-way/vault-setup.js';
import { vaultFiles } from '../vault/files.js';
import { pkiMount } from '../vault/setup.js';

export interface VaultIssuer {
  readonly id: string;
  readonly certificatePem: string;
}

export function vaultRootToken(lab: Lab): string {
  return (JSON.parse(readFileSync(vaultFiles(lab.paths).init, 'utf8')) as { root_token: string }).root_token;
}

function mountOf({ layout }: Lab): string {
  return layout.madeBy === 'hand' ? hardWayMount : pkiMount;
}

/** The roots that rotate-ca made and has not taken back. */
export async function issuersInVault(lab: Lab): Promise<VaultIssuer[]> {
  const all = await everyIssuer(lab);
  if (lab.layout.madeBy !== 'hand') return all;
  const own = outgoingInVault(lab);
  return all.filter(({ certificatePem }) => certificatePem.trim() !== own);
}

/** The root that the hard-way lab was made with: there the outgoing CA is in Vault too. */
function outgoingInVault(lab: Lab): string {
  return issuedLeaf(lab, 'admin').authority.trim();
}

async function everyIssuer(lab: Lab): Promise<VaultIssuer[]> {
  const token = vaultRootToken(lab);
  const mount = mountOf(lab);
  const { data } = (await mustCallVault(lab.paths, { method: 'GET', path: `${mount}/issuers?list=true`, token }).catch(noIssuers)) as { data: { keys: string[] } };
  return Promise.all(
    data.keys.map(async (id) => {
      const issuer = (await mustCallVault(lab.paths, { method: 'GET', path: `${mount}/issuer/${id}`, token })) as { data: { certificate: string } };
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

/** `subject` as openssl writes it: `/O=group/CN=user`. */
interface WantedLeaf {
  readonly subject: string;
  readonly folder: string;
  readonly name: string;
}

interface LeafFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A client certificate of the incoming CA, without rotate-ca and without the cluster. */
export async function incomingClientLeaf(lab: Lab, wanted: WantedLeaf): Promise<LeafFiles> {
  return leafOf(lab, (await incomingIssuer(lab)).id, wanted);
}

/** The same of the outgoing CA, where that is in Vault. */
export async function outgoingClientLeaf(lab: Lab, wanted: WantedLeaf): Promise<LeafFiles> {
  const issuer = (await everyIssuer(lab)).find(({ certificatePem }) => certificatePem.trim() === outgoingInVault(lab));
  if (issuer === undefined) throw new Error('Vault has no outgoing root');
  return leafOf(lab, issuer.id, wanted);
}

async function leafOf(lab: Lab, issuer: string, wanted: WantedLeaf): Promise<LeafFiles> {
  const keyFile = join(wanted.folder, `${wanted.name}.key`);
  const certFile = join(wanted.folder, `${wanted.name}.crt`);
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const { stdout: csr } = await runCommand('openssl', ['req', '-new', '-nodes', ...curve, '-keyout', keyFile, '-subj', wanted.subject]);
  const body = { csr, ttl: '24h', key_usage: ['DigitalSignature'], ext_key_usage: ['ClientAuth'], format: 'pem' };
  const signed = (await mustCallVault(lab.paths, { method: 'POST', path: `${mountOf(lab)}/issuer/${issuer}/sign-verbatim`, token: vaultRootToken(lab), body })) as {
    data: { certificate: string };
  };
  writeFileAtomically(certFile, `${signed.data.certificate}\n`);
  return { certFile, keyFile };
}
