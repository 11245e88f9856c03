/** The issuer against a real Vault server. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KeyType } from '../../domain/cluster/inventory.js';
import { type Failure, RotationError } from '../../domain/errors.js';
import { readLeaf } from '../../domain/pki/certificate.js';
import type { NewCa } from '../../ports/issuer.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { type RealVault, startRealVault } from '../../../test/support/real-vault.js';
import { type VaultIssuer, openVaultIssuer } from './issuer.js';

const hourMs = 3_600_000;
const yearMs = 8_760 * hourMs;
let vault: RealVault;
let sealed: RealVault;
let folder = '';
let issuer: VaultIssuer;
const said: string[] = [];

async function open(env: Record<string, string>, mount = 'pki-k8s'): Promise<VaultIssuer> {
  return openVaultIssuer({ env: { VAULT_ADDR: vault.address, VAULT_CACERT: vault.caFile, ...env }, mount, now: Date.now, log: (line) => void said.push(line) });
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof RotationError && error.failures[0] !== undefined) return error.failures[0];
  throw error ?? new Error('nothing was thrown');
}

beforeAll(async () => {
  [vault, sealed] = await Promise.all([startRealVault(), startRealVault({ sealed: true })]);
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-vault-test-'));
  await vault.call('POST', 'sys/mounts/pki-k8s', { type: 'pki', config: { max_lease_ttl: '87600h' } });
  await vault.call('POST', 'sys/mounts/pki-short', { type: 'pki', config: { max_lease_ttl: '720h' } });
  await vault.call('POST', 'sys/mounts/pki-default', { type: 'pki' });
  await vault.call('POST', 'sys/auth/approle', { type: 'approle' });
  await vault.call('POST', 'sys/policies/acl/full', { policy: readFileSync('lab/vault/policy.hcl', 'utf8') });
  await vault.call('POST', 'sys/policies/acl/half', { policy: 'path "pki-k8s/issuers" { capabilities = ["list"] }\npath "sys/capabilities-self" { capabilities = ["update"] }' });
  await vault.call('POST', 'auth/approle/role/full', { token_policies: ['full'], token_no_default_policy: true, token_ttl: '1h', token_max_ttl: '72h' });
  const role = (await vault.call('GET', 'auth/approle/role/full/role-id')).body as { data: { role_id: string } };
  const secret = (await vault.call('POST', 'auth/approle/role/full/secret-id')).body as { data: { secret_id: string } };
  writeFileSync(join(folder, 'role-id'), `${role.data.role_id}\n`);
  writeFileSync(join(folder, 'secret-id'), `${secret.data.secret_id}\n`);
  issuer = await open({ ROTATE_CA_VAULT_ROLE_ID_FILE: join(folder, 'role-id'), ROTATE_CA_VAULT_SECRET_ID_FILE: join(folder, 'secret-id') });
}, 60_000);

afterAll(async () => {
  issuer?.close();
  await Promise.all([vault?.stop(), sealed?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function ca(name: string, keyType: KeyType): NewCa {
  return { name, commonName: 'kubernetes', serialNumber: name, keyType, ttlMs: 10 * yearMs - 24 * hourMs, backdateMs: hourMs };
}

describe('with an AppRole and the policy of the lab', () => {
  it('finds everything in order', async () => {
    expect(await issuer.check({ caTtlMs: 9 * yearMs })).toEqual([]);
    expect(issuer.describe()).toBe(`Vault PKI engine "pki-k8s" at ${vault.address}`);
  });

  it.each<KeyType>(['rsa-2048', 'rsa-3072', 'ecdsa-p256', 'ecdsa-p384', 'ed25519'])('makes, finds, uses and destroys a root: %s', async (keyType) => {
    const name = `gen-${keyType}`;
    expect(await issuer.findCa(name)).toBeUndefined();
    const made = await issuer.generateCa(ca(name, keyType));
    const { record, basicConstraints, extendedUsages } = readLeaf(made.certificatePem, { source: name });
    expect(record).toMatchObject({ subject: `CN=kubernetes, serialNumber=${name}`, issuer: `CN=kubernetes, serialNumber=${name}`, isCa: true, keyType, sans: [], usages: [] });
    expect(record.ski).toMatch(/^[0-9a-f]{40}$/);
    expect(record.aki).toBe(record.ski);
    expect(basicConstraints).toEqual({ ca: true, pathLength: undefined });
    expect(extendedUsages).toBeUndefined();
    expect(Math.abs(Date.now() - hourMs - record.notBeforeMs)).toBeLessThan(30_000);
    expect(made.key.reveal().toString()).toMatch(/^-----BEGIN (RSA |EC |)PRIVATE KEY-----\n[\s\S]*-----END (RSA |EC |)PRIVATE KEY-----\n$/);
    const { key: _key, ...known } = made;
    expect(await issuer.findCa(name)).toEqual(known);

    for (const leafKey of ['rsa-2048', 'ecdsa-p256'] as const) {
      const { privateKeyPem } = await makeKeyPair(leafKey);
      const sans = ['DNS:cp1', 'DNS:kubernetes.default.svc.cluster.local', 'IP:10.96.0.1', 'IP:fd00::1'];
      const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'system:node:cp1', organizations: ['system:nodes'] }, sans });
      const pem = await issuer.sign({ issuerId: made.issuerId, csrPem, ttlMs: yearMs, backdateMs: 0, usages: ['serverAuth', 'clientAuth'] });
      const leaf = readLeaf(pem, { source: 'leaf' });
      expect(leaf.record).toMatchObject({
        subject: 'O=system:nodes, CN=system:node:cp1',
        issuer: record.subject,
        aki: record.ski,
        isCa: false,
        sans,
        usages: ['serverAuth', 'clientAuth'],
      });
      // Vault's own backdating of leaves: 30 s.
      expect(Date.now() - leaf.record.notBeforeMs).toBeGreaterThan(25_000);
    }
    const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
    const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'kubernetes-admin', organizations: ['system:masters'] } });
    const client = readLeaf(await issuer.sign({ issuerId: made.issuerId, csrPem, ttlMs: yearMs, backdateMs: 0, usages: ['clientAuth'] }), { source: 'leaf' });
    expect(client.record).toMatchObject({ subject: 'O=system:masters, CN=kubernetes-admin', sans: [], usages: ['clientAuth'] });

    await issuer.destroyCa(made);
    await issuer.destroyCa(made);
    expect(await issuer.findCa(name)).toBeUndefined();
    expect((await vault.call('GET', `pki-k8s/key/${made.keyId}`)).status).not.toBe(200);
  });

  it('refuses a name that is taken, and a leaf that would outlive its CA', async () => {
    const made = await issuer.generateCa({ ...ca('twice', 'ecdsa-p256'), ttlMs: 30 * 24 * hourMs });
    const again = await failureOf(issuer.generateCa(ca('twice', 'ecdsa-p256')));
    expect(again).toMatchObject({ code: 'vault-refused', cause: 'status 400: issuer name already in use' });
    const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
    const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'x' } });
    const late = await failureOf(issuer.sign({ issuerId: made.issuerId, csrPem, ttlMs: yearMs, backdateMs: 0, usages: [] }));
    expect(late.code).toBe('vault-refused');
    expect(late.cause).toContain('beyond the expiration of the CA');
  });

  it('refuses a root whose life was cut by the mount', async () => {
    const other = await open({ VAULT_TOKEN: vault.rootToken }, 'pki-short');
    expect(await other.check({ caTtlMs: 9 * yearMs })).toMatchObject([{ code: 'vault-refused', nextAction: 'Run: vault secrets tune -max-lease-ttl=78840h pki-short' }]);
    expect(await failureOf(other.generateCa(ca('short', 'ecdsa-p256')))).toMatchObject({ code: 'ca-rejected' });
    expect(await (await open({ VAULT_TOKEN: vault.rootToken }, 'pki-default')).check({ caTtlMs: 9 * yearMs })).toEqual([]);
    other.close();
  });

  it('takes the backdating of leaves from a sign role', async () => {
    await vault.call('POST', 'pki-k8s/roles/rotate-ca', { not_before_duration: '10m', no_store: true, allow_any_name: true });
    const made = await issuer.generateCa(ca('with-role', 'ecdsa-p256'));
    const other = await open({ VAULT_TOKEN: vault.rootToken, ROTATE_CA_VAULT_SIGN_ROLE: 'rotate-ca' });
    const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
    const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'system:node:w1', organizations: ['system:nodes'] }, sans: ['IP:10.0.0.1'] });
    const leaf = readLeaf(await other.sign({ issuerId: made.issuerId, csrPem, ttlMs: yearMs, backdateMs: 600_000, usages: ['clientAuth'] }), { source: 'leaf' });
    expect(Date.now() - leaf.record.notBeforeMs).toBeGreaterThan(590_000);
    other.close();
  });
});

describe('what is amiss is told before anything is changed', () => {
  it('a sealed Vault', async () => {
    const to = await openVaultIssuer({ env: { VAULT_ADDR: sealed.address, VAULT_CACERT: sealed.caFile, VAULT_TOKEN: 'x' }, mount: 'pki', now: Date.now, log: () => {} });
    expect(await to.check({ caTtlMs: 1 })).toMatchObject([{ code: 'vault-sealed', nextAction: `Run: vault operator unseal -address=${sealed.address}` }]);
    expect((await failureOf(to.findCa('x'))).code).toBe('vault-sealed');
  });

  it('a policy that lacks paths', async () => {
    const token = (await vault.call('POST', 'auth/token/create', { policies: ['half'], no_default_policy: true, ttl: '1h' })).body as { auth: { client_token: string } };
    const to = await open({ VAULT_TOKEN: token.auth.client_token });
    const [failure, ...others] = await to.check({ caTtlMs: 1 });
    expect(others).toEqual([]);
    expect(failure).toMatchObject({ code: 'vault-policy-missing' });
    expect(failure?.nextAction).toContain('path "pki-k8s/issuers/generate/root/exported" { capabilities = ["update"] }');
    expect(failure?.nextAction).not.toContain('"list"');
    expect(await failureOf(to.generateCa(ca('no', 'ecdsa-p256')))).toMatchObject({ code: 'vault-policy-missing' });
  });

  it.each<[string, Record<string, string>, string, string]>([
    ['a wrong token', { VAULT_TOKEN: 'hvs.wrong' }, 'pki-k8s', 'vault-auth-failed'],
    ['a mount that is not there', {}, 'nope', 'vault-refused'],
    ['a mount of another engine', {}, 'sys', 'vault-refused'],
    ['an authority of Vault that is not trusted', { VAULT_CACERT: 'SYSTEM' }, 'pki-k8s', 'vault-unreachable'],
    ['a port where nobody listens', { VAULT_ADDR: 'https://127.0.0.1:1' }, 'pki-k8s', 'vault-unreachable'],
  ])('%s', async (_name, env, mount, code) => {
    const to = await open({ VAULT_TOKEN: vault.rootToken, VAULT_MAX_RETRIES: '0', ...env, ...(env.VAULT_CACERT === undefined ? {} : { VAULT_CACERT: '' }) }, mount);
    const failures = await to.check({ caTtlMs: 1 });
    expect(failures.map((f) => f.code)).toEqual([code]);
    expect(JSON.stringify(failures)).not.toContain(vault.rootToken);
  });

  it('a wrong AppRole', async () => {
    writeFileSync(join(folder, 'wrong'), 'wrong');
    const to = await open({ ROTATE_CA_VAULT_ROLE_ID_FILE: join(folder, 'role-id'), ROTATE_CA_VAULT_SECRET_ID_FILE: join(folder, 'wrong') });
    expect(await to.check({ caTtlMs: 1 })).toMatchObject([{ code: 'vault-auth-failed', cause: 'invalid role or secret ID' }]);
  });

  it('a token that was revoked is replaced by a new login', async () => {
    const approle = { ROTATE_CA_VAULT_ROLE_ID_FILE: join(folder, 'role-id'), ROTATE_CA_VAULT_SECRET_ID_FILE: join(folder, 'secret-id') };
    const to = await open(approle);
    expect(await to.findCa('nobody')).toBeUndefined();
    const accessors = (await vault.call('LIST', 'auth/token/accessors')).body as { data: { keys: string[] } };
    for (const accessor of accessors.data.keys) {
      const looked = (await vault.call('POST', 'auth/token/lookup-accessor', { accessor })).body as { data: { path: string } };
      if (looked.data.path === 'auth/approle/login') await vault.call('POST', 'auth/token/revoke-accessor', { accessor });
    }
    expect(await to.findCa('nobody')).toBeUndefined();
    to.close();
  });
});
