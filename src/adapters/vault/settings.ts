/** What the `vault` program's environment says, mapped for us: node-vault knows four of these variables, and reads one of them wrongly. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import { durationMs, goBoolean } from './go-values.js';
import { caFolder, readPem, systemRoots } from './trusted-roots.js';

export type VaultCredential =
  | { readonly kind: 'approle'; readonly mount: string; readonly roleIdFile: string; readonly secretIdFile: string }
  | { readonly kind: 'token-file'; readonly file: string }
  | { readonly kind: 'token'; readonly token: Secret };

export interface VaultTls {
  /** Only these are trusted. PEM. */
  readonly ca: readonly string[];
  readonly certificatePem?: string;
  readonly key?: Secret;
  readonly serverName?: string;
  readonly verify: boolean;
}

export interface VaultSettings {
  /** URL without a trailing slash. */
  readonly address: string;
  readonly namespace: string;
  readonly tls: VaultTls;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly credential: VaultCredential;
}

/** Given by flags or a plan: they win over the environment. */
export interface VaultOverrides {
  readonly address?: string | undefined;
  readonly namespace?: string | undefined;
  readonly caFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly roleIdFile?: string | undefined;
  readonly secretIdFile?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT, VAULT_CLIENT_KEY, VAULT_TLS_SERVER_NAME, VAULT_SKIP_VERIFY (Go boolean),
 * VAULT_CLIENT_TIMEOUT (seconds or Go duration; 60s), VAULT_MAX_RETRIES (2), VAULT_TOKEN, ~/.vault-token, and for AppRole
 * ROTATE_CA_VAULT_ROLE_ID_FILE, ROTATE_CA_VAULT_SECRET_ID_FILE, ROTATE_CA_VAULT_APPROLE_MOUNT ("approle").
 * Throws RotationError config-invalid, pem-invalid; vault-auth-failed where there is no credential at all.
 */
export function readVaultSettings(env: Environment, overrides: VaultOverrides = {}): VaultSettings {
  const verify = !goBoolean('VAULT_SKIP_VERIFY', value(env, 'VAULT_SKIP_VERIFY') ?? 'false');
  return {
    address: readAddress(overrides.address ?? value(env, 'VAULT_ADDR') ?? 'https://127.0.0.1:8200'),
    namespace: (overrides.namespace ?? value(env, 'VAULT_NAMESPACE') ?? '').replace(/^\/+|\/+$/g, ''),
    tls: readTls(env, { verify, caFile: overrides.caFile }),
    timeoutMs: durationMs('VAULT_CLIENT_TIMEOUT', value(env, 'VAULT_CLIENT_TIMEOUT') ?? '60s'),
    maxRetries: wholeNumber('VAULT_MAX_RETRIES', value(env, 'VAULT_MAX_RETRIES') ?? '2'),
    credential: readCredential(env, overrides),
  };
}

function readAddress(address: string): string {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return refuse('VAULT_ADDR', `"${address}" is no URL`, 'Write it as https://vault.example.org:8200');
  }
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) {
    return refuse('VAULT_ADDR', `"${url.protocol}//" would carry the key of a CA in the clear`, 'Use https://; http:// is accepted for this machine only');
  }
  if (url.username !== '' || url.password !== '') return refuse('VAULT_ADDR', 'it holds a user name or a password', 'Leave them out');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}

function readTls(env: Environment, options: { readonly verify: boolean; readonly caFile: string | undefined }): VaultTls {
  const caFile = options.caFile ?? value(env, 'VAULT_CACERT');
  const folder = value(env, 'VAULT_CAPATH');
  const certificate = value(env, 'VAULT_CLIENT_CERT');
  const key = value(env, 'VAULT_CLIENT_KEY');
  if ((certificate === undefined) !== (key === undefined)) {
    return refuse(
      certificate === undefined ? 'VAULT_CLIENT_CERT' : 'VAULT_CLIENT_KEY',
      'a client certificate and its key go together, and one is missing',
      'Set both VAULT_CLIENT_CERT and VAULT_CLIENT_KEY, or none',
    );
  }
  const serverName = value(env, 'VAULT_TLS_SERVER_NAME');
  return {
    ca: caFile !== undefined ? [readPem('VAULT_CACERT', caFile)] : folder !== undefined ? caFolder(folder) : systemRoots(),
    ...(certificate === undefined ? {} : { certificatePem: readPem('VAULT_CLIENT_CERT', certificate) }),
    ...(key === undefined ? {} : { key: new Secret(readPem('VAULT_CLIENT_KEY', key)) }),
    ...(serverName === undefined ? {} : { serverName }),
    verify: options.verify,
  };
}

// What is named for rotate-ca wins over what is there for every program; AppRole over a token that a human left behind.
function readCredential(env: Environment, overrides: VaultOverrides): VaultCredential {
  if (overrides.tokenFile !== undefined && overrides.roleIdFile === undefined) return { kind: 'token-file', file: overrides.tokenFile };
  const roleIdFile = overrides.roleIdFile ?? value(env, 'ROTATE_CA_VAULT_ROLE_ID_FILE');
  const secretIdFile = overrides.secretIdFile ?? value(env, 'ROTATE_CA_VAULT_SECRET_ID_FILE');
  if (roleIdFile !== undefined && secretIdFile !== undefined) return { kind: 'approle', mount: value(env, 'ROTATE_CA_VAULT_APPROLE_MOUNT') ?? 'approle', roleIdFile, secretIdFile };
  if (roleIdFile !== undefined || secretIdFile !== undefined) {
    return refuse(
      roleIdFile === undefined ? 'ROTATE_CA_VAULT_ROLE_ID_FILE' : 'ROTATE_CA_VAULT_SECRET_ID_FILE',
      'AppRole needs the files of both ids, and one is missing',
      'Name both files',
    );
  }
  const token = value(env, 'VAULT_TOKEN');
  if (token !== undefined) return { kind: 'token', token: new Secret(token) };
  const home = value(env, 'HOME');
  const file = home === undefined ? undefined : join(home, '.vault-token');
  if (file !== undefined && isReadable(file)) return { kind: 'token-file', file };
  return fail('vault-auth-failed', {
    target: 'Vault',
    summary: 'There is no credential for Vault',
    cause: 'neither AppRole files nor VAULT_TOKEN nor ~/.vault-token',
    nextAction: 'Run "vault login", or name the files of an AppRole with ROTATE_CA_VAULT_ROLE_ID_FILE and ROTATE_CA_VAULT_SECRET_ID_FILE',
  });
}

/** A token, role id or secret id from its file. Throws RotationError vault-auth-failed. */
export function readSecretFile(file: string, what: string): Secret {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    return unreadable(error instanceof Error && 'code' in error ? String(error.code) : 'unknown');
  }
  return text === '' ? unreadable('it is empty') : new Secret(text);

  function unreadable(cause: string): never {
    return fail('vault-auth-failed', { target: file, summary: `The ${what} cannot be read`, cause, nextAction: `Put the ${what} in "${file}", mode 0600, or name another file` });
  }
}

function isReadable(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').trim() !== '';
  } catch {
    return false;
  }
}

// The vault program treats a variable that is set to nothing as one that is not set.
function value(env: Environment, name: string): string | undefined {
  const text = env[name]?.trim();
  return text === '' ? undefined : text;
}

function wholeNumber(name: string, text: string): number {
  return /^\d{1,4}$/.test(text) ? Number(text) : refuse(name, `"${text}" is no whole number`, 'Write for example 2');
}

function refuse(target: string, cause: string, nextAction: string): never {
  return fail('config-invalid', { target, summary: `The setting ${target} for Vault cannot be used`, cause, nextAction });
}
