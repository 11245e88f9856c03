/** The issuer on Vault's PKI engine: a new self-signed root for each generation of a cluster's CA. */

import { setTimeout as sleep } from 'node:timers/promises';
import { RotationError, fail } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import type { KeyType } from '../../domain/cluster/inventory.js';
import type { Issuer, NewCa, SignRequest } from '../../ports/issuer.js';
import { checkVault, signPath } from './check.js';
import { type CallOptions, type VaultCall, type Wait, vaultConnection } from './connection.js';
import { inspectCa, inspectLeaf } from './inspection.js';
import { type Asked, bodyOf } from './refusal.js';
import { readRequest } from './request.js';
import { type Schedule, fieldOf, vaultSession } from './session.js';
import { type Environment, type VaultOverrides, readVaultSettings } from './settings.js';

export interface VaultIssuerOptions extends VaultOverrides {
  readonly env: Environment;
  /** Where the PKI engine is mounted, without slashes around. */
  readonly mount: string;
  /** Unix time in ms. */
  readonly now: () => number;
  /** Warnings for the operator; no secrets. */
  readonly log: (message: string) => void;
  readonly wait?: Wait;
  readonly schedule?: Schedule;
}

export interface VaultIssuer extends Issuer {
  /** Ends the renewal of the token. */
  close(): void;
}

/** Reads settings and files; Vault itself is asked with the first call. Throws RotationError config-invalid, vault-auth-failed. */
export async function openVaultIssuer(options: VaultIssuerOptions): Promise<VaultIssuer> {
  const settings = readVaultSettings(options.env, options);
  const mount = readMount(options.mount);
  const signRole = options.env.ROTATE_CA_VAULT_SIGN_ROLE?.trim() ?? '';
  if (!settings.tls.verify) options.log('VAULT_SKIP_VERIFY is set: whoever answers in place of Vault gets the token and chooses the key of the new CA.');
  const connection = vaultConnection(settings, options.wait ?? ((ms) => sleep(ms)));
  const session = vaultSession({ connection, schedule: options.schedule ?? afterMs, log: options.log });

  async function ask(what: string, capability: Asked['capability'], call: VaultCall, signal: CallOptions): Promise<Readonly<Record<string, unknown>>> {
    return bodyOf(await session.call(call, signal), { what, path: call.path, capability, address: settings.address });
  }

  return {
    check: ({ caTtlMs }, signal = {}) => checkVault({ connection, session, mount, signRole, caTtlMs, ...signal }),

    async generateCa(ca, signal = {}) {
      // Not repeatable: the first attempt may have made a root whose key was lost with the answer.
      const { data } = await ask(
        `The new CA "${ca.name}"`,
        'update',
        { method: 'POST', path: `${mount}/issuers/generate/root/exported`, body: rootRequest(ca), repeatable: false },
        signal,
      );
      const key = textOf(data, 'private_key');
      const certificatePem = withNewline(textOf(data, 'certificate'));
      inspectCa(certificatePem, { ca, key, nowMs: options.now() });
      return { issuerId: textOf(data, 'issuer_id'), keyId: textOf(data, 'key_id'), certificatePem, key: new Secret(withNewline(key)) };
    },

    async findCa(name, signal = {}) {
      const issuerId = await idOf(name, signal);
      if (issuerId === undefined) return undefined;
      const { data } = await ask(`The CA "${name}"`, 'read', { method: 'GET', path: `${mount}/issuer/${encodeURIComponent(issuerId)}`, repeatable: true }, signal);
      return { issuerId, keyId: textOf(data, 'key_id'), certificatePem: withNewline(textOf(data, 'certificate')) };
    },

    async sign(request, signal = {}) {
      const call: VaultCall = { method: 'POST', path: signPath(mount, request.issuerId, signRole), body: leafRequest(request), repeatable: true };
      const { data } = await ask('The signature of a request', 'update', call, signal);
      const certificatePem = withNewline(textOf(data, 'certificate'));
      inspectLeaf(certificatePem, { request, nowMs: options.now() });
      return certificatePem;
    },

    // Issuer before key: Vault keeps a key that an issuer uses. Deleting what is gone already is no error there.
    async destroyCa({ issuerId, keyId }, signal = {}) {
      await ask('The deletion of an issuer', 'delete', { method: 'DELETE', path: `${mount}/issuer/${encodeURIComponent(issuerId)}`, repeatable: true }, signal);
      if (keyId !== '') await ask('The deletion of a key', 'delete', { method: 'DELETE', path: `${mount}/key/${encodeURIComponent(keyId)}`, repeatable: true }, signal);
    },

    describe: () => `Vault PKI engine "${mount}" at ${settings.address}${settings.namespace === '' ? '' : `, namespace "${settings.namespace}"`}`,
    close: () => session.close(),
  };

  // By the list and not by the name: to a name that nobody has, Vault answers with status 500.
  async function idOf(name: string, signal: CallOptions): Promise<string | undefined> {
    const call: VaultCall = { method: 'LIST', path: `${mount}/issuers`, repeatable: true };
    const answer = await session.call(call, signal);
    if (answer.status === 404 && answer.errors.length === 0) return undefined; // An empty list.
    const { data } = bodyOf(answer, { what: 'The list of issuers', path: call.path, capability: 'list', address: settings.address });
    const issuers = fieldOf(data, 'key_info');
    return typeof issuers === 'object' && issuers !== null ? Object.entries(issuers).find(([, info]) => fieldOf(info, 'issuer_name') === name)?.[0] : undefined;
  }
}

/** Root of docs/decisions/0004: own DN, SKI and AKI, no EKU, no path length (Vault sets none unless told), no SAN of its CN. */
function rootRequest(ca: NewCa): Record<string, unknown> {
  return {
    issuer_name: ca.name,
    key_name: ca.name,
    common_name: ca.commonName,
    serial_number: ca.serialNumber,
    ...keyParameters(ca.keyType),
    ttl: `${Math.round(ca.ttlMs / 1_000)}s`,
    not_before_duration: `${Math.round(ca.backdateMs / 1_000)}s`,
    exclude_cn_from_sans: true,
    format: 'pem',
  };
}

/** sign-verbatim takes subject and SANs from the request by itself; the backdating is that of the sign role, or 30 s. */
function leafRequest(request: SignRequest): Record<string, unknown> {
  const { isRsa } = readRequest(request.csrPem);
  return {
    csr: request.csrPem,
    ttl: `${Math.round(request.ttlMs / 1_000)}s`,
    key_usage: isRsa ? ['DigitalSignature', 'KeyEncipherment'] : ['DigitalSignature'],
    ext_key_usage: request.usages.map((usage) => (usage === 'serverAuth' ? 'ServerAuth' : 'ClientAuth')),
    format: 'pem',
  };
}

function keyParameters(keyType: KeyType): Record<string, unknown> {
  switch (keyType) {
    case 'rsa-2048':
    case 'rsa-3072':
    case 'rsa-4096':
      return { key_type: 'rsa', key_bits: Number(keyType.slice(4)) };
    case 'ecdsa-p256':
    case 'ecdsa-p384':
      return { key_type: 'ec', key_bits: Number(keyType.slice(7)) };
    case 'ed25519':
      return { key_type: 'ed25519', key_bits: 0 };
    case 'other':
      return fail('layout-unsupported', {
        target: 'Vault',
        summary: 'The new CA cannot have a key like that of the outgoing one',
        cause: 'its type is neither RSA nor ECDSA nor Ed25519',
        nextAction: 'Set a keyType in the playbook',
      });
  }
}

function readMount(text: string): string {
  const mount = text.replace(/^\/+|\/+$/g, '');
  if (/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(mount) && !mount.split('/').includes('..')) return mount;
  return fail('config-invalid', {
    target: 'vault mount',
    summary: `"${text}" is no mount of an engine`,
    nextAction: 'Write it as in "vault secrets list", for example pki-kubernetes',
  });
}

/** A text of an answer; one that is missing is ca-rejected. */
function textOf(data: unknown, name: string): string {
  const value = fieldOf(data, name);
  if (typeof value === 'string' && value !== '') return value;
  throw new RotationError({
    code: 'ca-rejected',
    target: 'Vault',
    summary: `Vault's answer lacks "${name}"`,
    cause: 'it is not the answer of a PKI engine of version 1.11 or later',
    nextAction: 'Check the version with "vault status"',
    retryable: false,
  });
}

function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}

function afterMs(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
