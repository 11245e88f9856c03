/** What every issuer on Vault's PKI engine does alike: settings, session, finding and deleting the roots of a mount. */

import { setTimeout as sleep } from 'node:timers/promises';
import { RotationError, fail } from '../../domain/errors.js';
import type { KeyType } from '../../domain/cluster/inventory.js';
import type { IssuedCa, NewCa } from '../../ports/issuer.js';
import { type CallOptions, type VaultCall, type VaultConnection, type Wait, vaultConnection } from './connection.js';
import { type Asked, bodyOf } from './refusal.js';
import { type Schedule, type VaultSession, fieldOf, vaultSession } from './session.js';
import { type Environment, type VaultOverrides, readVaultSettings } from './settings.js';

export interface PkiEngineOptions extends VaultOverrides {
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

export interface PkiEngine {
  readonly connection: VaultConnection;
  readonly session: VaultSession;
  /** Without slashes around. */
  readonly mount: string;
  /** The body of a good answer. Throws RotationError with what it was for and what a policy must grant. */
  ask(what: string, capability: Asked['capability'], call: VaultCall, signal: CallOptions): Promise<Readonly<Record<string, unknown>>>;
  findCa(name: string, signal: CallOptions): Promise<IssuedCa | undefined>;
  destroyCa(ca: { readonly issuerId: string; readonly keyId: string }, signal: CallOptions): Promise<void>;
  describe(): string;
  /** Ends the renewal of the token. */
  close(): void;
}

/** Reads settings and files; Vault itself is asked with the first call. Throws RotationError config-invalid, vault-auth-failed. */
export function openPkiEngine(options: PkiEngineOptions): PkiEngine {
  const settings = readVaultSettings(options.env, options);
  const mount = readMount(options.mount);
  if (!settings.tls.verify) options.log('VAULT_SKIP_VERIFY is set: whoever answers in place of Vault gets the token and chooses the key of the new CA.');
  const connection = vaultConnection(settings, options.wait ?? ((ms) => sleep(ms)));
  const session = vaultSession({ connection, schedule: options.schedule ?? afterMs, log: options.log });
  const engine: PkiEngine = {
    connection,
    session,
    mount,

    async ask(what, capability, call, signal) {
      return bodyOf(await session.call(call, signal), { what, path: call.path, capability, address: settings.address });
    },

    async findCa(name, signal) {
      const issuerId = await idOf(name, signal);
      if (issuerId === undefined) return undefined;
      const { data } = await engine.ask(`The CA "${name}"`, 'read', { method: 'GET', path: `${mount}/issuer/${encodeURIComponent(issuerId)}`, repeatable: true }, signal);
      return { issuerId, keyId: textOf(data, 'key_id'), certificatePem: withNewline(textOf(data, 'certificate')) };
    },

    // Issuer before key: Vault keeps a key that an issuer uses. Deleting what is gone already is no error there.
    async destroyCa({ issuerId, keyId }, signal) {
      await engine.ask('The deletion of an issuer', 'delete', { method: 'DELETE', path: `${mount}/issuer/${encodeURIComponent(issuerId)}`, repeatable: true }, signal);
      if (keyId !== '') await engine.ask('The deletion of a key', 'delete', { method: 'DELETE', path: `${mount}/key/${encodeURIComponent(keyId)}`, repeatable: true }, signal);
    },

    describe: () => `Vault PKI engine "${mount}" at ${settings.address}${settings.namespace === '' ? '' : `, namespace "${settings.namespace}"`}`,
    close: () => session.close(),
  };
  return engine;

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
export function rootRequest(ca: NewCa): Record<string, unknown> {
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
export function textOf(data: unknown, name: string): string {
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

export function withNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}

function afterMs(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms);
  timer.unref();
  return () => clearTimeout(timer);
}
