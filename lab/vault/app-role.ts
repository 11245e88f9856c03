import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomically } from '../atomic-file.js';
import type { LabPaths } from '../lab.js';
import { dataOf, type VaultAdmin } from './admin.js';
import { callVault } from './api.js';
import { vaultFiles } from './files.js';

const role = 'rotate-ca';

/** Whether role and secret id are on disk, and the test token still works and does so for another hour. */
export async function credentialsAreGood(paths: LabPaths): Promise<boolean> {
  const files = vaultFiles(paths);
  if (![files.roleId, files.secretId, files.token].every((file) => existsSync(file))) return false;
  const token = readFileSync(files.token, 'utf8').trim();
  const answer = await callVault(paths, { method: 'GET', path: 'auth/token/lookup-self', token });
  return answer.status === 200 && Number(dataOf(answer.body).ttl) > 3_600;
}

/** AppRole with its role and policy, and the credentials on disk. Can be done twice. */
export async function setUpAppRole(paths: LabPaths, { read, write }: VaultAdmin, policy: string): Promise<void> {
  const files = vaultFiles(paths);
  if (!('approle/' in (await read('sys/auth')))) await write('sys/auth/approle', { type: 'approle' });
  await write(`sys/policies/acl/${role}`, { policy });
  await write(`auth/approle/role/${role}`, {
    token_policies: [role],
    token_no_default_policy: true,
    token_ttl: '1h',
    token_max_ttl: '72h',
  });
  if (![files.roleId, files.secretId].every((file) => existsSync(file))) {
    const { role_id: roleId } = await read(`auth/approle/role/${role}/role-id`);
    const { secret_id: secretId } = dataOf(await write(`auth/approle/role/${role}/secret-id`, {}));
    writeFileAtomically(files.roleId, `${String(roleId)}\n`);
    writeFileAtomically(files.secretId, `${String(secretId)}\n`);
  }
  const created = await write('auth/token/create', { policies: [role], no_default_policy: true, ttl: '8h' });
  const auth = created.auth as { client_token: string };
  writeFileAtomically(files.token, `${auth.client_token}\n`);
}
