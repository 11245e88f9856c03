/** The production adapter on the staging Vault: what a run does with it, and what goes wrong on purpose. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type VaultIssuer, openVaultIssuer } from '../../adapters/vault/issuer.js';
import type { KeyType } from '../../domain/cluster/inventory.js';
import { RotationError } from '../../domain/errors.js';
import { isIssuedBy, readLeaf } from '../../domain/pki/certificate.js';
import type { NewCa } from '../../ports/issuer.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { createClock } from '../clock.js';
import { type StagingVault, type StartVault, startVault } from './server.js';

const hourMs = 3_600_000;
const yearMs = 8_760 * hourMs;
const policy = readFileSync('lab/vault/policy.hcl', 'utf8');
const opened: { close(): unknown }[] = [];
let folder = '';
let vault: StagingVault;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-staging-vault-'));
  vault = await start();
});
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  vault.unseal();
  vault.restorePolicy();
});

async function start(more: Partial<StartVault> = {}): Promise<StagingVault> {
  const started = await startVault({ address: '127.0.0.1', port: 0, clock: createClock(20), policy, ...more });
  opened.push(started);
  return started;
}

async function open(to: StagingVault, env: Record<string, string> = {}, mount = 'pki-k8s'): Promise<VaultIssuer> {
  const file = (name: string, text: string): string => {
    const path = join(mkdtempSync(join(folder, 'credentials-')), name);
    writeFileSync(path, text);
    return path;
  };
  const approle = { ROTATE_CA_VAULT_ROLE_ID_FILE: file('role-id', to.roleId), ROTATE_CA_VAULT_SECRET_ID_FILE: file('secret-id', to.secretId) };
  const issuer = await openVaultIssuer({
    env: { VAULT_ADDR: to.url, VAULT_CACERT: file('ca.pem', to.caPem), ...('VAULT_TOKEN' in env ? {} : approle), ...env },
    mount,
    now: Date.now,
    log: () => undefined,
    wait: async () => undefined,
  });
  opened.push(issuer);
  return issuer;
}

const ca = (name: string, keyType: KeyType = 'ecdsa-p256', ttlMs = yearMs): NewCa => ({ name, commonName: 'kubernetes', serialNumber: name, keyType, ttlMs, backdateMs: hourMs });

async function csr(): Promise<string> {
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  return makeRequest({ privateKeyPem, subject: { commonName: 'system:node:cp1', organizations: ['system:nodes'] }, sans: ['DNS:cp1', 'IP:10.0.0.1', 'IP:fd00::1'] });
}

async function codesOf(work: Promise<unknown>): Promise<readonly string[]> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof RotationError) return error.failures.map(({ code }) => code);
  throw error ?? new Error('nothing was thrown');
}

describe('with an AppRole and the policy of the lab', () => {
  it('finds everything in order', async () => {
    expect(await (await open(vault)).check({ caTtlMs: 9 * yearMs })).toEqual([]);
  });

  it.each<KeyType>(['rsa-2048', 'rsa-3072', 'ecdsa-p256', 'ecdsa-p384', 'ed25519'])('makes, finds, uses and destroys a root: %s', async (keyType) => {
    const issuer = await open(vault);
    const name = `gen-${keyType}`;
    expect(await issuer.findCa(name)).toBeUndefined();
    const made = await issuer.generateCa(ca(name, keyType, 9 * yearMs));
    const { key: _key, ...known } = made;
    expect(await issuer.findCa(name)).toEqual(known);
    const pem = await issuer.sign({ issuerId: made.issuerId, csrPem: await csr(), ttlMs: yearMs, backdateMs: 0, usages: ['serverAuth', 'clientAuth'] });
    const [leaf, root] = [readLeaf(pem, { source: 'leaf' }), readLeaf(made.certificatePem, { source: 'root' })];
    expect(isIssuedBy(leaf, root)).toBe(true);
    expect(leaf.record).toMatchObject({
      subject: 'O=system:nodes, CN=system:node:cp1',
      sans: ['DNS:cp1', 'IP:10.0.0.1', 'IP:fd00::1'],
      usages: ['serverAuth', 'clientAuth'],
      aki: root.record.ski,
    });
    await issuer.destroyCa(made);
    await issuer.destroyCa(made);
    expect(await issuer.findCa(name)).toBeUndefined();
  });

  it('backdates by a sign role', async () => {
    const issuer = await open(vault, { ROTATE_CA_VAULT_SIGN_ROLE: 'rotate-ca' });
    const made = await issuer.generateCa(ca('with-role'));
    const pem = await issuer.sign({ issuerId: made.issuerId, csrPem: await csr(), ttlMs: hourMs, backdateMs: 600_000, usages: ['clientAuth'] });
    expect(Date.now() - readLeaf(pem, { source: 'leaf' }).record.notBeforeMs).toBeGreaterThan(590_000);
  });

  it('refuses a second root of one name, even at the same time', async () => {
    const issuer = await open(vault);
    const both = await Promise.allSettled([issuer.generateCa(ca('twice')), issuer.generateCa(ca('twice'))]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await codesOf(issuer.generateCa(ca('twice')))).toEqual(['vault-refused']);
  });
});

describe('what goes wrong on purpose', () => {
  it('a seal, and its end', async () => {
    const issuer = await open(vault);
    vault.seal();
    expect((await issuer.check({ caTtlMs: 1 })).map(({ code }) => code)).toEqual(['vault-sealed']);
    expect(await codesOf(issuer.findCa('x'))).toEqual(['vault-sealed']);
    vault.unseal();
    expect(await issuer.findCa('x')).toBeUndefined();
  });

  it('tokens that end: an AppRole logs in again, a token alone cannot', async () => {
    const issuer = await open(vault);
    expect(await issuer.findCa('x')).toBeUndefined();
    vault.expireTokens();
    expect(await issuer.check({ caTtlMs: 1 })).toEqual([]);
    const root = await open(vault, { VAULT_TOKEN: vault.rootToken });
    expect(await root.check({ caTtlMs: 1 })).toEqual([]);
    expect(await codesOf((await open(vault, { VAULT_TOKEN: 'hvs.wrong' })).findCa('x'))).toEqual(['vault-auth-failed']);
  });

  it('a path taken from the policy, and given back', async () => {
    const issuer = await open(vault);
    vault.denyPath('pki-k8s/issuer/+/sign-verbatim');
    const [failure] = await issuer.check({ caTtlMs: 1 });
    expect(failure).toMatchObject({ code: 'vault-policy-missing' });
    expect(failure?.nextAction).toContain('/sign-verbatim" { capabilities = ["update"] }');
    const made = await issuer.generateCa(ca('denied'));
    expect(await codesOf(issuer.sign({ issuerId: made.issuerId, csrPem: await csr(), ttlMs: hourMs, backdateMs: 0, usages: [] }))).toEqual(['vault-policy-missing']);
    vault.denyPath('pki-k8s/issuers/generate/*');
    expect(await codesOf(issuer.generateCa(ca('denied-too')))).toEqual(['vault-policy-missing']);
    vault.restorePolicy();
    expect(await issuer.check({ caTtlMs: 1 })).toEqual([]);
  });

  it('a mount that cuts lives, and one that is not there', async () => {
    const short = await start({ maxLease: '720h', signRole: '' });
    const issuer = await open(short);
    expect(await issuer.check({ caTtlMs: yearMs })).toMatchObject([{ code: 'vault-refused', nextAction: 'Run: vault secrets tune -max-lease-ttl=8760h pki-k8s' }]);
    expect(await codesOf(issuer.generateCa(ca('short')))).toEqual(['ca-rejected']);
    expect((await (await open(short, { VAULT_TOKEN: short.rootToken }, 'nope')).check({ caTtlMs: 1 })).map(({ code }) => code)).toEqual(['vault-refused']);
  });

  it('a policy that cannot be read, and a port that is taken', async () => {
    await expect(start({ policy: 'path "x" { capabilities = ["fly"] }' })).rejects.toThrow('invalid capability "fly"');
    await expect(start({ port: Number(new URL(vault.url).port) })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('state', () => {
  it('goes on where it was, in another server too, with the tokens of its clients', async () => {
    const issuer = await open(vault);
    const made = await issuer.generateCa(ca('kept'));
    const state = vault.state();
    await issuer.destroyCa(made);
    vault.denyPath('pki-k8s/*');
    vault.seal();
    vault.load(state);
    const { key: _key, ...known } = made;
    expect(await issuer.findCa('kept')).toEqual(known);
    const other = await start();
    other.load(state);
    const again = await openVaultIssuer({
      env: { VAULT_ADDR: other.url, VAULT_TOKEN: vault.rootToken, VAULT_CACERT: writeCa(other.caPem) },
      mount: 'pki-k8s',
      now: Date.now,
      log: () => undefined,
    });
    opened.push(again);
    const pem = await again.sign({ issuerId: made.issuerId, csrPem: await csr(), ttlMs: hourMs, backdateMs: 0, usages: ['clientAuth'] });
    expect(isIssuedBy(readLeaf(pem, { source: 'leaf' }), readLeaf(made.certificatePem, { source: 'root' }))).toBe(true);
    expect(() => other.load('{"version":2}')).toThrow(RangeError);
  });
});

function writeCa(pem: string): string {
  const file = join(folder, 'other-ca.pem');
  writeFileSync(file, pem);
  return file;
}
