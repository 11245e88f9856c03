/** Copies of what an operator gives to rotate-ca, with one thing wrong in them. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
// The library's container needs the metadata API before its first import.
import 'reflect-metadata';
import { X509CertificateGenerator } from '@peculiar/x509';
import { webcrypto } from 'node:crypto';
import { parse, stringify } from 'yaml';
import { digestOf } from '../../src/domain/plan/digest.js';
import type { Plan } from '../../src/domain/plan/plan.js';
import type { Lab } from '../lab.js';

type Host = Record<string, string>;

interface AnsibleInventory {
  all: { children: Record<string, { hosts: Record<string, Host> }> };
}

/** The lab's inventory, with other variables for one of its hosts. */
export function inventoryWith(lab: Lab, file: string, node: string, variables: Host): string {
  const inventory = parse(readFileSync(lab.paths.inventory, 'utf8')) as AnsibleInventory;
  for (const group of Object.values(inventory.all.children)) {
    const host = group.hosts[node];
    if (host !== undefined) group.hosts[node] = { ...host, ...variables };
  }
  writeFileSync(file, stringify(inventory));
  return file;
}

/** A known_hosts with the right keys of all nodes, but for one: that of another node, or none. */
export function knownHostsWith(lab: Lab, file: string, node: string, key: 'of another' | 'none'): string {
  const keyOf = (name: string): string =>
    readFileSync(join(lab.paths.ssh, 'host-keys', name, 'ed25519.pub'), 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ');
  const other = lab.nodes.find(({ name }) => name !== node)?.name ?? node;
  const lines = lab.nodes.flatMap(({ name, ip }) => (name !== node ? [`${ip} ${keyOf(name)}`] : key === 'none' ? [] : [`${ip} ${keyOf(other)}`]));
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

interface Kubeconfig {
  users: { user: Record<string, string> }[];
}

/** The admin's kubeconfig with a certificate that was valid until yesterday. */
export async function expiredKubeconfig(lab: Lab, file: string): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const day = 24 * 3_600_000;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'O=system:masters,CN=somebody',
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 30 * day),
    notAfter: new Date(Date.now() - day),
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const pem = `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`;
  const kubeconfig = parse(readFileSync(lab.paths.adminKubeconfig, 'utf8')) as Kubeconfig;
  const encoded = (text: string): string => Buffer.from(text).toString('base64');
  for (const { user } of kubeconfig.users) Object.assign(user, { 'client-certificate-data': encoded(certificate.toString('pem')), 'client-key-data': encoded(pem) });
  writeFileSync(file, stringify(kubeconfig), { mode: 0o600 });
  return file;
}

/** Somebody changed a plan after it was made and approved. */
export function editedPlan(plan: Plan, file: string): string {
  return writePlan({ ...plan, steps: plan.steps.filter(({ gate }) => gate?.name !== 'distrust') }, file);
}

/** A plan that is whole, for a cluster with another uid. */
export function planOfAnotherCluster(plan: Plan, file: string): string {
  const { digest: _, ...rest } = plan;
  const other = { ...rest, inventory: { ...plan.inventory, cluster: { ...plan.inventory.cluster, uid: '00000000-0000-4000-8000-000000000000' } } };
  return writePlan({ ...other, digest: digestOf(other) }, file);
}

function writePlan(plan: Plan, file: string): string {
  writeFileSync(file, `${JSON.stringify(plan, undefined, 1)}\n`, { mode: 0o600 });
  return file;
}
