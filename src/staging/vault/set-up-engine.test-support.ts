/** The setting up of an engine, on any Vault whose root token is at hand. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRoleIssuer, type VaultRoleIssuer } from '../../adapters/vault/role-issuer.js';
import type { EngineSetup } from '../../domain/issuing/engine-setup.js';

export interface SetUpVault {
  readonly address: string;
  readonly caFile: string;
  readonly token: string;
  stop(): Promise<void>;
}

const hourMs = 3_600_000;
const setup: EngineSetup = {
  maxTtlMs: 43_800 * hourMs,
  roles: [
    { name: 'components', organizations: [] },
    { name: 'nodes', organizations: ['system:nodes'] },
  ],
  policy: 'rotate-ca-of-a-test',
};
const all = ['mount', 'role components', 'role nodes', 'policy'] as const;

export function describeSetUp(where: string, start: () => Promise<SetUpVault>): void {
  describe(`setting up an engine ${where}`, () => {
    let vault: SetUpVault;
    let issuer: VaultRoleIssuer;

    beforeAll(async () => {
      vault = await start();
      issuer = await openRoleIssuer({
        env: { VAULT_ADDR: vault.address, VAULT_CACERT: vault.caFile, VAULT_TOKEN: vault.token },
        mount: 'pki_new',
        roles: ['components', 'nodes'],
        now: Date.now,
        log: () => undefined,
      });
    }, 60_000);
    afterAll(async () => {
      issuer?.close();
      await vault?.stop();
    });

    const states = async (of: EngineSetup = setup): Promise<Record<string, string>> => Object.fromEntries((await issuer.examine(of)).map(({ name, state }) => [name, state]));
    const every = (state: string): Record<string, string> => Object.fromEntries(all.map((name) => [name, state]));

    it('sees that nothing is there, makes it, twice, and sees that it is', async () => {
      expect(await states()).toEqual(every('absent'));
      await issuer.create(setup, ['mount'], {});
      expect(await states()).toEqual({ ...every('absent'), mount: 'as wanted' });
      for (const _ of [1, 2]) await issuer.create(setup, ['role components', 'role nodes', 'policy'], {});
      expect(await states()).toEqual(every('as wanted'));
    });

    it('its roles issue what a cluster needs, under a root whose key stays', async () => {
      const leaf = { organizations: [], sans: ['DNS:kubernetes'], usages: ['serverAuth'], keyType: 'ecdsa-p256', ttlMs: 17_520 * hourMs } as const;
      const leaves = [
        { ...leaf, commonName: 'kube-apiserver' },
        { ...leaf, commonName: 'system:node:w1', organizations: ['system:nodes'], sans: [] },
      ];
      expect(await issuer.check({ caTtlMs: setup.maxTtlMs, leaves })).toEqual([]);
    });

    it('says what is unlike it, and leaves that alone', async () => {
      const other: EngineSetup = { ...setup, maxTtlMs: 87_600 * hourMs, roles: [{ name: 'nodes', organizations: ['system:masters'] }] };
      expect(await issuer.examine(other)).toMatchObject([
        { name: 'mount', state: 'different', difference: 'its longest lease is 43800 h, wanted are 87600 h', remedy: expect.stringContaining('vault secrets tune') as string },
        { name: 'role nodes', state: 'different', difference: 'its organization is "system:nodes", wanted is "system:masters"' },
        { name: 'policy', state: 'as wanted' },
      ]);
    });

    it('takes back what it made, twice', async () => {
      await issuer.remove(setup, ['role nodes', 'policy'], {});
      expect(await states()).toEqual({ mount: 'as wanted', 'role components': 'as wanted', 'role nodes': 'absent', policy: 'absent' });
      for (const _ of [1, 2]) await issuer.remove(setup, all, {});
      expect(await states()).toEqual(every('absent'));
    });
  });
}
