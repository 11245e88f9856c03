/** The issuer that keeps the key in Vault, on the roles of the lab's hard way: the same on a real Vault and on staging's. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labPaths, openLab } from '../../../lab/lab.js';
import { type Leaf, leavesOf } from '../../../lab/hard-way/leaves.js';
import { articleRole, type RoleName, roleBody, roles } from '../../../lab/hard-way/roles.js';
import { openRoleIssuer, type VaultRoleIssuer } from '../../adapters/vault/role-issuer.js';
import { type Failure, RotationError } from '../../domain/errors.js';
import type { LeafWish } from '../../domain/issuing/unfit-role.js';
import { isIssuedBy, readLeaf } from '../../domain/pki/certificate.js';
import type { NewCa } from '../../ports/issuer.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';

export interface VaultPlace {
  readonly address: string;
  readonly caFile: string;
  /** Of the AppRole with the policy of the lab's hard way. */
  readonly roleIdFile: string;
  readonly secretIdFile: string;
  stop(): Promise<unknown>;
}

export const mount = 'pki_k8s';
/** The mount's longest life, and that of its roots. */
export const maxLease = '43800h';
const hourMs = 3_600_000;
const rootMs = 43_800 * hourMs;
const leafMs = 17_520 * hourMs;

const lab = openLab({ paths: labPaths('hard-way', '/nowhere'), shape: { controlPlanes: 3, workers: 2, encryptionAlgorithm: 'ECDSA-P256' } });
const roleNames = Object.keys(roles) as RoleName[];

/** Everything that the mount is given, by name. */
export const roleBodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  [articleRole.name]: articleRole.body,
  ...Object.fromEntries(roleNames.map((name) => [name, roleBody(name, lab.shape.encryptionAlgorithm)])),
};

function wishFor(leaf: Leaf): LeafWish {
  return {
    commonName: leaf.commonName,
    organizations: roles[leaf.role],
    sans: [...(leaf.dnsNames ?? []).map((name) => `DNS:${name}`), ...(leaf.addresses ?? []).map((address) => `IP:${address}`)],
    usages: ['serverAuth', 'clientAuth'],
    keyType: 'ecdsa-p256',
    ttlMs: leafMs,
  };
}

const wishes = leavesOf(lab).map(wishFor);
const ca: NewCa = { name: 'gen-2', commonName: 'kubernetes-ca', serialNumber: 'gen-2', keyType: 'ecdsa-p256', ttlMs: rootMs - 24 * hourMs, backdateMs: hourMs };

async function failuresOf(work: Promise<unknown>): Promise<readonly Failure[]> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof RotationError) return error.failures;
  throw error ?? new Error('nothing was thrown');
}

export function describeRoleIssuer(name: string, start: () => Promise<VaultPlace>): void {
  describe(name, () => {
    const opened: VaultRoleIssuer[] = [];
    let place: VaultPlace;
    beforeAll(async () => {
      place = await start();
    }, 60_000);
    afterAll(async () => {
      for (const issuer of opened) issuer.close();
      await place?.stop();
    });

    async function withRoles(...names: readonly string[]): Promise<VaultRoleIssuer> {
      const issuer = await openRoleIssuer({
        env: {
          VAULT_ADDR: place.address,
          VAULT_CACERT: place.caFile,
          ROTATE_CA_VAULT_ROLE_ID_FILE: place.roleIdFile,
          ROTATE_CA_VAULT_SECRET_ID_FILE: place.secretIdFile,
        },
        mount,
        roles: names,
        now: Date.now,
        log: () => undefined,
      });
      opened.push(issuer);
      return issuer;
    }

    it('finds every leaf of the cluster to be issued by one of its roles', async () => {
      const issuer = await withRoles(...roleNames);
      expect(await issuer.check({ caTtlMs: rootMs, leaves: wishes })).toEqual([]);
    });

    it('says of the role of the article, name by name, what it cannot issue and which role would', async () => {
      const issuer = await withRoles(articleRole.name);
      const failures = await issuer.check({ caTtlMs: rootMs, leaves: wishes });
      expect(failures.map(({ target }) => target)).toEqual(wishes.map(({ commonName }) => commonName));
      expect(failures[0]).toMatchObject({
        code: 'vault-role-unfit',
        summary: 'No role that was named issues "kube-apiserver"',
        cause: '"kubernetes" does not allow the common name kube-apiserver, does not allow the alternative name lb.lab, takes rsa keys only, not ecdsa-p256',
        nextAction: 'Name the role "kubernetes-components" too: it issues this leaf',
      });
      expect(failures.at(-1)?.nextAction).toBe('Name the role "kubernetes-nodes" too: it issues this leaf');
    });

    it('says how to write the role that nobody has, and that a role is not there', async () => {
      const issuer = await withRoles(...roleNames, 'absent');
      const leaf: LeafWish = { ...wishFor({ name: 'x', commonName: 'alice', role: 'kubernetes-masters' }), organizations: ['lab'] };
      expect(await issuer.check({ caTtlMs: rootMs, leaves: [leaf] })).toMatchObject([
        { code: 'vault-role-unfit', target: `${mount}/roles/absent` },
        {
          code: 'vault-role-unfit',
          nextAction: `Write one, and name it: vault write ${mount}/roles/NAME allow_any_name=true enforce_hostnames=false key_type=any max_ttl=17520h organization="lab"`,
        },
      ]);
    });

    it('makes a root whose key nobody gets, and issues leaves of it under each role', async () => {
      const issuer = await withRoles(...roleNames);
      const made = await issuer.generateCa(ca);
      expect(Object.keys(made).sort()).toEqual(['certificatePem', 'issuerId', 'keyId']);
      expect(await issuer.findCa(ca.name)).toEqual(made);
      const root = readLeaf(made.certificatePem, { source: 'root' });
      const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
      for (const role of roleNames) {
        const leaf = wishes.find(({ organizations }) => organizations.join() === roles[role].join());
        if (leaf === undefined) throw new Error(`no leaf is of the role ${role}`);
        const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: leaf.commonName, organizations: leaf.organizations }, sans: leaf.sans });
        const issued = readLeaf(await issuer.sign({ issuerId: made.issuerId, csrPem, leaf }), { source: leaf.commonName });
        expect(isIssuedBy(issued, root)).toBe(true);
        expect(issued.record.subject).toContain(`CN=${leaf.commonName}`);
      }
      await issuer.destroyCa(made);
      expect(await issuer.findCa(ca.name)).toBeUndefined();
    });

    it('issues nothing under a role that does not fit', async () => {
      const issuer = await withRoles(articleRole.name);
      const made = await issuer.generateCa({ ...ca, name: 'unused', serialNumber: 'unused' });
      const [leaf] = wishes;
      if (leaf === undefined) throw new Error('there are no leaves');
      const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
      const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: leaf.commonName }, sans: leaf.sans });
      expect((await failuresOf(issuer.sign({ issuerId: made.issuerId, csrPem, leaf }))).map(({ code }) => code)).toEqual(['vault-role-unfit']);
    });
  });
}
