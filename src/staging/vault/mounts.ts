/** The mount table: PKI engines, and the entries that every Vault has (vault/mount.go). */

import { randomBytes, randomUUID } from 'node:crypto';
import { refused } from './answer.js';
import type { Engine } from './call.js';
import { secondsOf } from './go-format.js';
import { type PkiMount, createPki } from './pki/engine.js';
import { systemDefaultSeconds, systemMaxSeconds } from './tokens.js';

/** `version` of this Vault, and of the engines in it. */
export const vaultVersion = '1.21.0';

/** Plain data: what is kept of a mount. Lease limits of 0 are those of the system. */
export interface MountEntry {
  /** With a slash at the end. */
  readonly path: string;
  readonly type: string;
  readonly accessor: string;
  readonly uuid: string;
  readonly description: string;
  defaultLeaseSeconds: number;
  maxLeaseSeconds: number;
}

export interface Mount {
  readonly path: string;
  readonly type: string;
  readonly entry: MountEntry;
  readonly engine: Engine;
  /** Below the mount, without a token. */
  readonly openPaths: readonly string[];
  readonly pki: PkiMount;
}

export interface Mounts {
  /** The mount that a path is in. */
  of(path: string): Mount | undefined;
  all(): readonly Mount[];
  /** Throws Refusal 400. */
  add(path: string, options: Readonly<Record<string, unknown>>): void;
  remove(path: string): void;
  dump(): readonly { readonly entry: MountEntry; readonly pki: unknown }[];
  load(dumped: ReturnType<Mounts['dump']>): void;
}

export function createMounts(now: () => number): Mounts {
  const table = new Map<string, Mount>();

  function mount(entry: MountEntry): Mount {
    const limits = {
      defaultSeconds: () => entry.defaultLeaseSeconds || Math.min(systemDefaultSeconds, entry.maxLeaseSeconds || systemMaxSeconds),
      maxSeconds: () => entry.maxLeaseSeconds || systemMaxSeconds,
    };
    const pki = createPki({ now, ...limits });
    const made: Mount = { path: entry.path, type: entry.type, entry, engine: pki.engine, openPaths: pki.openPaths, pki };
    table.set(entry.path, made);
    return made;
  }

  return {
    of: (path) => [...table.values()].find((one) => path.startsWith(one.path) || `${path}/` === one.path),
    all: () => [...table.values()],
    add(path, options) {
      const type = String(options.type ?? '');
      if (type === '') throw refused('backend type must be specified as a string');
      if (type !== 'pki') throw refused(`plugin not found in the catalog: ${type}`);
      const full = `${path.replace(/\/+$/, '')}/`;
      const taken = [...table.keys(), 'sys/', 'auth/', 'identity/', 'cubbyhole/'].find((other) => other.startsWith(full) || full.startsWith(other));
      if (taken !== undefined) throw refused(taken === full ? `path is already in use at ${taken}` : `path is already in use at ${taken}`);
      const config = (options.config ?? {}) as Record<string, unknown>;
      mount({
        path: full,
        type,
        accessor: `${type}_${randomBytes(4).toString('hex')}`,
        uuid: randomUUID(),
        description: String(options.description ?? ''),
        defaultLeaseSeconds: secondsOf(config.default_lease_ttl ?? 0),
        maxLeaseSeconds: secondsOf(config.max_lease_ttl ?? 0),
      });
    },
    remove: (path) => void table.delete(path),
    dump: () => [...table.values()].map(({ entry, pki }) => ({ entry: { ...entry }, pki: pki.dump() })),
    load(dumped) {
      table.clear();
      for (const { entry, pki } of dumped) mount({ ...entry }).pki.load(pki);
    },
  };
}

/** A mount as sys tells it. `effective`: with the system's limits where the mount has none of its own. */
export function describeMount(entry: MountEntry, effective: boolean): Record<string, unknown> {
  return {
    accessor: entry.accessor,
    config: {
      default_lease_ttl: entry.defaultLeaseSeconds || (effective ? systemDefaultSeconds : 0),
      force_no_cache: false,
      max_lease_ttl: entry.maxLeaseSeconds || (effective ? systemMaxSeconds : 0),
      ...(entry.type === 'approle' || entry.type === 'token' ? { token_type: 'default-service' } : {}),
      ...(entry.type === 'system' ? { passthrough_request_headers: ['Accept'] } : {}),
      ...(entry.type === 'identity' ? { passthrough_request_headers: ['Authorization'] } : {}),
    },
    deprecation_status: 'supported',
    description: entry.description,
    external_entropy_access: false,
    local: entry.type === 'cubbyhole',
    options: ['pki', 'approle'].includes(entry.type) ? {} : null,
    plugin_version: '',
    running_plugin_version: `v${vaultVersion}+builtin.vault`,
    running_sha256: '',
    seal_wrap: entry.type === 'system',
    type: entry.type,
    uuid: entry.uuid,
  };
}

/** The mounts that are always there, by a seed so that their accessors stay the same. */
export function builtinMounts(): MountEntry[] {
  return builtin;
}

const builtin: MountEntry[] = (
  [
    ['sys/', 'system', 'system endpoints used for control, policy and debugging'],
    ['identity/', 'identity', 'identity store'],
    ['cubbyhole/', 'cubbyhole', 'per-token private secret storage'],
  ] as const
).map(([path, type, description]) => ({
  path,
  type,
  accessor: `${type}_${randomBytes(4).toString('hex')}`,
  uuid: randomUUID(),
  description,
  defaultLeaseSeconds: 0,
  maxLeaseSeconds: 0,
}));
