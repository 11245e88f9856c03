import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LabPaths } from '../lab.js';
import { vaultAdmin } from './admin.js';
import { callVault } from './api.js';
import { credentialsAreGood, setUpAppRole } from './app-role.js';

export const pkiMount = 'pki-k8s';
const policyFile = join(dirname(fileURLToPath(import.meta.url)), 'policy.hcl');
const tenYears = '87600h';
/** Without a role Vault backdates what it signs verbatim by 30 s only, less than clocks may differ. */
export const signRole = 'rotate-ca';

/** The PKI engine that the incoming CA of a kubeadm cluster will be of, and the credentials for it. Everything can be done twice. */
export async function setUpVault(paths: LabPaths): Promise<boolean> {
  const admin = vaultAdmin(paths);
  const { token, read, write } = admin;
  if ((await credentialsAreGood(paths)) && (await callVault(paths, { method: 'GET', path: `${pkiMount}/roles/${signRole}`, token })).status === 200) return false;
  if (!(`${pkiMount}/` in (await read('sys/mounts')))) {
    await write(`sys/mounts/${pkiMount}`, { type: 'pki', config: { max_lease_ttl: tenYears } });
  }
  await write(`${pkiMount}/roles/${signRole}`, { allow_any_name: true, enforce_hostnames: false, not_before_duration: '10m', max_ttl: tenYears, no_store: true });
  await setUpAppRole(paths, admin, readFileSync(policyFile, 'utf8'));
  return true;
}
