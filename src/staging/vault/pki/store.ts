/** What a PKI engine keeps: issuers, keys, roles and the certificates it made (builtin/logical/pki/storage.go). */

import { randomUUID } from 'node:crypto';
import type { Role } from '../../../domain/issuing/role-names.js';
import { failed } from '../answer.js';

export interface IssuerEntry {
  readonly id: string;
  name: string;
  readonly keyId: string;
  /** One block, newline-terminated. */
  readonly certificatePem: string;
  readonly serial: string;
  readonly notAfterMs: number;
  leafNotAfter: 'err' | 'truncate' | 'permit' | 'always_enforce_err';
  usage: readonly string[];
  revocationAlgorithm: string;
}

export interface KeyEntry {
  readonly id: string;
  name: string;
  readonly type: KeyKind;
  /** PKCS#1, SEC 1 or PKCS#8, newline-terminated. It stays in the memory of the staging process. */
  readonly pem: string;
}

export type KeyKind = 'rsa' | 'ec' | 'ed25519';

export interface StoredCertificate {
  readonly serial: string;
  readonly pem: string;
  readonly issuerId: string;
  readonly notAfterMs: number;
  /** Unix ms, with the fraction as text. */
  revoked?: { readonly seconds: number; readonly text: string };
}

interface Content {
  issuers: Record<string, IssuerEntry>;
  keys: Record<string, KeyEntry>;
  roles: Record<string, Role>;
  certificates: Record<string, StoredCertificate>;
  defaultIssuer: string;
  defaultKey: string;
  followsLatest: boolean;
}

export interface PkiStore extends Content {
  /** Throws Refusal 500, as a look-up that fails does in Vault. */
  issuer(reference: string): IssuerEntry;
  findIssuer(reference: string): IssuerEntry | undefined;
  key(reference: string): KeyEntry;
  findKey(reference: string): KeyEntry | undefined;
  addKey(key: Omit<KeyEntry, 'id'>): KeyEntry;
  addIssuer(issuer: Omit<IssuerEntry, 'id'>): IssuerEntry;
  dump(): unknown;
  load(dumped: unknown): void;
}

const nothing = (): Content => ({ issuers: {}, keys: {}, roles: {}, certificates: {}, defaultIssuer: '', defaultKey: '', followsLatest: false });

export function createPkiStore(): PkiStore {
  const byReference = <T extends { readonly id: string; readonly name: string }>(all: Readonly<Record<string, T>>, reference: string): T | undefined =>
    all[reference] ?? Object.values(all).find((one) => one.name !== '' && one.name === reference);

  const store: PkiStore = {
    ...nothing(),
    findIssuer: (reference) => byReference(store.issuers, reference === 'default' ? store.defaultIssuer : reference),
    issuer(reference) {
      const found = store.findIssuer(reference);
      if (found !== undefined) return found;
      throw failed(500, reference === 'default' ? 'no default issuer currently configured' : `unable to find PKI issuer for reference: ${reference}`);
    },
    findKey: (reference) => byReference(store.keys, reference === 'default' ? store.defaultKey : reference),
    key(reference) {
      const found = store.findKey(reference);
      if (found !== undefined) return found;
      throw failed(500, reference === 'default' ? 'no default key currently configured' : `unable to find PKI key for reference: ${reference}`);
    },
    addKey(parts) {
      const key = { id: randomUUID(), ...parts };
      store.keys[key.id] = key;
      if (store.defaultKey === '') store.defaultKey = key.id;
      return key;
    },
    addIssuer(parts) {
      const issuer = { id: randomUUID(), ...parts };
      store.issuers[issuer.id] = issuer;
      if (store.defaultIssuer === '' || store.followsLatest) store.defaultIssuer = issuer.id;
      return issuer;
    },
    dump() {
      const { issuers, keys, roles, certificates, defaultIssuer, defaultKey, followsLatest } = store;
      return structuredClone({ issuers, keys, roles, certificates, defaultIssuer, defaultKey, followsLatest });
    },
    load: (dumped) => void Object.assign(store, nothing(), structuredClone(dumped)),
  };
  return store;
}
