import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeFileAtomically } from '../atomic-file.js';
import type { LabPaths } from '../lab.js';
import { callVault, mustCallVault } from './api.js';
import { vaultFiles } from './files.js';

export const pkiMount = 'pki-k8s';
const role = 'rotate-ca';
const policyFile = join(dirname(fileURLToPath(import.meta.url)), 'policy.hcl');
const tenYears = '87600h';
/** Without a role Vault backdates what it signs verbatim by 30 s only, less than clocks may differ. */
export const signRole = 'rotate-ca';

function rootToken(paths: LabPaths): string {
  return (JSON.parse(readFileSync(vaultFiles(paths).init, 'utf8')) as { root_token: string }).root_token;
}

function dataOf(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return (body.data ?? {}) as Record<string, unknown>;
}

/** Whether the test token still works and does so for another hour. */
async function tokenIsGood(paths: LabPaths): Promise<boolean> {
  const file = vaultFiles(paths).token;
  if (!existsSync(file)) return false;
  const token = readFileSync(file, 'utf8').trim();
  const answer = await callVault(paths, { method: 'GET', path: 'auth/token/lookup-self', token });
  return answer.status === 200 && Number(dataOf(answer.body).ttl) > 3_600;
}

/** The PKI engine, AppRole with its role and policy, and the credentials on disk. Everything can be done twice. */
export async function setUpVault(paths: LabPaths): Promise<boolean> {
  const files = vaultFiles(paths);
  const complete = [files.roleId, files.secretId].every((file) => existsSync(file));
  const token = rootToken(paths);
  if (complete && (await tokenIsGood(paths)) && (await callVault(paths, { method: 'GET', path: `${pkiMount}/roles/${signRole}`, token })).status === 200) return false;
  const read = async (path: string): Promise<Record<string, unknown>> => dataOf(await mustCallVault(paths, { method: 'GET', path, token }));
  const write = (path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> => mustCallVault(paths, { method: 'POST', path, token, body });

  if (!(`${pkiMount}/` in (await read('sys/mounts')))) {
    await write(`sys/mounts/${pkiMount}`, { type: 'pki', config: { max_lease_ttl: tenYears } });
  }
  await write(`${pkiMount}/roles/${signRole}`, { allow_any_name: true, enforce_hostnames: false, not_before_duration: '10m', max_ttl: tenYears, no_store: true });
  if (!('approle/' in (await read('sys/auth')))) await write('sys/auth/approle', { type: 'approle' });
  await write(`sys/policies/acl/${role}`, { policy: readFileSync(policyFile, 'utf8') });
  await write(`auth/approle/role/${role}`, {
    token_policies: [role],
    token_no_default_policy: true,
    token_ttl: '1h',
    token_max_ttl: '72h',
  });
  if (!complete) {
    const { role_id: roleId } = await read(`auth/approle/role/${role}/role-id`);
    const { secret_id: secretId } = dataOf(await write(`auth/approle/role/${role}/secret-id`, {}));
    writeFileAtomically(files.roleId, `${String(roleId)}\n`);
    writeFileAtomically(files.secretId, `${String(secretId)}\n`);
  }
  const created = await write('auth/token/create', { policies: [role], no_default_policy: true, ttl: '8h' });
  const auth = created.auth as { client_token: string };
  writeFileAtomically(files.token, `${auth.client_token}\n`);
  return true;
}
