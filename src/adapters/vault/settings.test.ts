import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RotationError } from '../../domain/errors.js';
import { type Environment, type VaultOverrides, readSecretFile, readVaultSettings } from './settings.js';

const pem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';
let folder = '';
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-vault-settings-'));
  mkdirSync(at('cas/deep'), { recursive: true });
  mkdirSync(at('empty'));
  for (const name of ['ca.pem', 'cas/a.pem', 'cas/deep/b.pem', 'client.pem', 'client.key']) writeFileSync(at(name), pem);
  writeFileSync(at('cas/readme'), 'nothing');
  writeFileSync(at('.vault-token'), 'hvs.home\n');
  writeFileSync(at('blank'), ' \n');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (env: Environment, overrides: VaultOverrides = {}): ReturnType<typeof readVaultSettings> =>
  readVaultSettings({ VAULT_TOKEN: 't', VAULT_CACERT: at('ca.pem'), ...env }, overrides);

function refusal(work: () => unknown): RotationError {
  try {
    work();
  } catch (error) {
    if (error instanceof RotationError) return error;
  }
  throw new Error('nothing was thrown');
}

describe('readVaultSettings', () => {
  it('has the defaults of the vault program', () => {
    expect(read({ VAULT_ADDR: '' })).toMatchObject({ address: 'https://127.0.0.1:8200', namespace: '', timeoutMs: 60_000, maxRetries: 2, tls: { verify: true, ca: [pem] } });
  });

  it('reads all variables', () => {
    const got = read({
      VAULT_ADDR: 'https://vault.example:8200/',
      VAULT_NAMESPACE: '/a/b/',
      VAULT_CLIENT_CERT: at('client.pem'),
      VAULT_CLIENT_KEY: at('client.key'),
      VAULT_TLS_SERVER_NAME: 'v',
      VAULT_SKIP_VERIFY: 'T',
      VAULT_CLIENT_TIMEOUT: '1m30s',
      VAULT_MAX_RETRIES: '0',
    });
    expect(got).toMatchObject({
      address: 'https://vault.example:8200',
      namespace: 'a/b',
      timeoutMs: 90_000,
      maxRetries: 0,
      tls: { certificatePem: pem, serverName: 'v', verify: false },
    });
    expect(JSON.stringify(got.tls)).toContain('[secret]');
  });

  it('prefers what was given over the environment', () => {
    writeFileSync(at('other.pem'), pem.repeat(2));
    expect(read({ VAULT_ADDR: 'https://a', VAULT_NAMESPACE: 'a' }, { address: 'https://b', namespace: 'b', caFile: at('other.pem') })).toMatchObject({
      address: 'https://b',
      namespace: 'b',
      tls: { ca: [pem.repeat(2)] },
    });
  });

  it('takes the CAs of a folder, or those of the system and of Node', () => {
    expect(read({ VAULT_CACERT: '', VAULT_CAPATH: at('cas') }).tls.ca).toEqual([pem, pem]);
    expect(read({ VAULT_CACERT: '' }).tls.ca.length).toBeGreaterThan(50);
  });

  it.each<[string, string, number]>([
    ['30', 'seconds', 30_000],
    ['250ms', 'ms', 250],
    ['1.5h', 'hours', 5_400_000],
  ])('reads the timeout %s as %s', (text, _unit, ms) => {
    expect(read({ VAULT_CLIENT_TIMEOUT: text }).timeoutMs).toBe(ms);
  });

  it.each<[string, boolean]>([
    ['1', false],
    ['true', false],
    ['TRUE', false],
    ['0', true],
    ['false', true],
    ['F', true],
    ['', true],
  ])('reads VAULT_SKIP_VERIFY=%s as Go does', (text, verify) => {
    expect(read({ VAULT_SKIP_VERIFY: text }).tls.verify).toBe(verify);
  });

  it.each<[string, Record<string, string>, string]>([
    ['an address that is no URL', { VAULT_ADDR: 'vault:8200x' }, 'VAULT_ADDR'],
    ['plain HTTP to another machine', { VAULT_ADDR: 'http://vault.example:8200' }, 'VAULT_ADDR'],
    ['a socket', { VAULT_ADDR: 'unix:///run/vault.sock' }, 'VAULT_ADDR'],
    ['a password in the address', { VAULT_ADDR: 'https://u:CANARY@vault' }, 'VAULT_ADDR'],
    ['no boolean', { VAULT_SKIP_VERIFY: 'yes' }, 'VAULT_SKIP_VERIFY'],
    ['no duration', { VAULT_CLIENT_TIMEOUT: '1m banana' }, 'VAULT_CLIENT_TIMEOUT'],
    ['a duration of zero', { VAULT_CLIENT_TIMEOUT: '0s' }, 'VAULT_CLIENT_TIMEOUT'],
    ['no number', { VAULT_MAX_RETRIES: '-1' }, 'VAULT_MAX_RETRIES'],
    ['a client certificate without key', { VAULT_CLIENT_CERT: '/x' }, 'VAULT_CLIENT_KEY'],
    ['a CA file that is missing', { VAULT_CACERT: '/nowhere' }, 'VAULT_CACERT'],
    ['half an AppRole', { ROTATE_CA_VAULT_ROLE_ID_FILE: '/x' }, 'ROTATE_CA_VAULT_SECRET_ID_FILE'],
  ])('refuses %s', (_name, env, variable) => {
    const error = refusal(() => read(env));
    expect(error.code).toBe('config-invalid');
    expect(error.message).toContain(variable);
    expect(error.message).not.toContain('CANARY');
  });

  it('refuses a folder without certificates', () => {
    expect(refusal(() => read({ VAULT_CACERT: '', VAULT_CAPATH: at('empty') })).code).toBe('config-invalid');
    expect(refusal(() => read({ VAULT_CACERT: at('blank') })).message).toContain('no PEM file');
  });

  it('accepts plain HTTP on this machine', () => {
    expect(read({ VAULT_ADDR: 'http://127.0.0.1:8200' }).address).toBe('http://127.0.0.1:8200');
  });
});

describe('the credential', () => {
  const approle = { ROTATE_CA_VAULT_ROLE_ID_FILE: '/r', ROTATE_CA_VAULT_SECRET_ID_FILE: '/s' };
  it.each<[string, Record<string, string>, VaultOverrides, object]>([
    ['a token file that was given', approle, { tokenFile: '/t' }, { kind: 'token-file', file: '/t' }],
    ['an AppRole that was given', {}, { roleIdFile: '/r', secretIdFile: '/s' }, { kind: 'approle', mount: 'approle', roleIdFile: '/r', secretIdFile: '/s' }],
    ['an AppRole of the environment over VAULT_TOKEN', { ...approle, ROTATE_CA_VAULT_APPROLE_MOUNT: 'sre' }, {}, { kind: 'approle', mount: 'sre' }],
    ['VAULT_TOKEN', {}, {}, { kind: 'token' }],
  ])('is %s', (_name, env, overrides, expected) => {
    expect(read(env, overrides).credential).toMatchObject(expected);
  });

  it('is ~/.vault-token at last, or missing', () => {
    expect(read({ VAULT_TOKEN: '', HOME: folder }).credential).toEqual({ kind: 'token-file', file: at('.vault-token') });
    expect(refusal(() => read({ VAULT_TOKEN: '', HOME: at('empty') }))).toMatchObject({ code: 'vault-auth-failed' });
  });

  it('is read without its newline, and refused when there is none', () => {
    expect(readSecretFile(at('.vault-token'), 'token').reveal().toString()).toBe('hvs.home');
    expect(refusal(() => readSecretFile(at('blank'), 'token')).message).toContain('it is empty');
    expect(refusal(() => readSecretFile(at('nowhere'), 'token')).message).toContain('ENOENT');
  });
});
