import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyText, samePolicy } from '../../domain/issuing/engine-setup.js';
import { readFileSync } from 'node:fs';
import { createClock } from '../clock.js';
import { startVault } from './server.js';
import { describeSetUp } from './set-up-engine.test-support.js';

describeSetUp('on the Vault of staging', async () => {
  const vault = await startVault({ address: '127.0.0.1', port: 0, clock: createClock(20), policy: 'path "x" {\n  capabilities = ["read"]\n}\n', mount: 'elsewhere', signRole: '' });
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-set-up-'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, vault.caPem);
  return {
    address: vault.url,
    caFile,
    token: vault.rootToken,
    async stop() {
      await vault.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

describe('the policy of a mount', () => {
  const own = readFileSync('lab/hard-way/policy.hcl', 'utf8');

  it('grants what that of the lab grants, but for the older path of roots', () => {
    const without = own.replace(/path "pki_k8s\/root\/generate\/internal" \{[^}]*\}/, '');
    expect(samePolicy(policyText('pki_k8s'), without)).toBe(true);
  });

  it.each([
    ['comments and layout do not count', own.replaceAll(/#[^\n]*\n/g, ''), true],
    ['a grant more does', `${own}path "x" {\n  capabilities = ["read"]\n}\n`, false],
    ['another capability does', own.replace('"list"', '"read"'), false],
  ])('%s', (_what, other, same) => {
    expect(samePolicy(own, other)).toBe(same);
  });
});
