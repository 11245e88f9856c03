import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClock } from '../clock.js';
import { describeRoleIssuer, maxLease, mount, roleBodies } from './role-issuer.test-support.js';
import { startVault } from './server.js';

describeRoleIssuer('on the Vault of staging', async () => {
  const policy = readFileSync('lab/hard-way/policy.hcl', 'utf8');
  const vault = await startVault({ address: '127.0.0.1', port: 0, clock: createClock(20), policy, mount, maxLease, signRole: '', roles: roleBodies });
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-role-issuer-'));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  return {
    address: vault.url,
    caFile: file('ca.pem', vault.caPem),
    roleIdFile: file('role-id', vault.roleId),
    secretIdFile: file('secret-id', vault.secretId),
    async stop() {
      await vault.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});
