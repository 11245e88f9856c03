import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRealVault } from '../../../test/support/real-vault.js';
import { describeRoleIssuer, maxLease, mount, roleBodies } from './role-issuer.test-support.js';

describeRoleIssuer('on a real Vault', async () => {
  const vault = await startRealVault();
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-role-issuer-'));
  const write = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const { status, body: answer } = await vault.call('POST', path, body);
    if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
    return ((answer as { data?: Record<string, unknown> } | undefined)?.data ?? {}) as Record<string, unknown>;
  };
  await write(`sys/mounts/${mount}`, { type: 'pki', config: { max_lease_ttl: maxLease } });
  for (const [name, role] of Object.entries(roleBodies)) await write(`${mount}/roles/${name}`, role);
  await write('sys/auth/approle', { type: 'approle' });
  await write('sys/policies/acl/hard-way', { policy: readFileSync('lab/hard-way/policy.hcl', 'utf8') });
  await write('auth/approle/role/hard-way', { token_policies: ['hard-way'], token_no_default_policy: true, token_ttl: '1h' });
  const { body } = await vault.call('GET', 'auth/approle/role/hard-way/role-id');
  const { secret_id: secretId } = await write('auth/approle/role/hard-way/secret-id', {});
  const file = (name: string, text: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, String(text));
    return path;
  };
  return {
    address: vault.address,
    caFile: vault.caFile,
    roleIdFile: file('role-id', (body as { data: { role_id: string } }).data.role_id),
    secretIdFile: file('secret-id', secretId),
    async stop() {
      await vault.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
