import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../lab.js';
import { vaultAdmin } from '../vault/admin.js';
import { callVault } from '../vault/api.js';
import { credentialsAreGood, setUpAppRole } from '../vault/app-role.js';
import { articleRole, keyOf, type RoleName, roleBody, roles, rootLifetime } from './roles.js';

export const hardWayMount = 'pki_k8s';
const policyFile = join(dirname(fileURLToPath(import.meta.url)), 'policy.hcl');

/** The article's mount with the cluster's root in it, whose key nobody can read, the roles, and credentials for rotate-ca. Can be done twice. */
export async function setUpHardWayVault(lab: Lab): Promise<boolean> {
  const { paths } = lab;
  const admin = vaultAdmin(paths);
  const { token, read, write } = admin;
  const { encryptionAlgorithm } = lab.shape;
  const exists = async (path: string): Promise<boolean> => (await callVault(paths, { method: 'GET', path, token })).status === 200;
  // The last that is written: then all is there.
  const lastRole = `${hardWayMount}/roles/${articleRole.name}`;
  if ((await credentialsAreGood(paths)) && (await exists(lastRole))) return false;

  if (!(`${hardWayMount}/` in (await read('sys/mounts')))) await write(`sys/mounts/${hardWayMount}`, { type: 'pki' });
  await write(`sys/mounts/${hardWayMount}/tune`, { max_lease_ttl: rootLifetime });
  if (!(await exists(`${hardWayMount}/issuer/default`))) {
    await write(`${hardWayMount}/root/generate/internal`, { common_name: 'kubernetes-ca', ttl: rootLifetime, ...keyOf(encryptionAlgorithm) });
  }
  for (const role of Object.keys(roles) as RoleName[]) await write(`${hardWayMount}/roles/${role}`, roleBody(role, encryptionAlgorithm));
  await write(lastRole, articleRole.body);
  await setUpAppRole(paths, admin, readFileSync(policyFile, 'utf8'));
  return true;
}
