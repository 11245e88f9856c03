import { readFileSync } from 'node:fs';
import type { LabPaths } from '../lab.js';
import { mustCallVault } from './api.js';
import { vaultFiles } from './files.js';

/** Vault as its administrator sees it, with the root token. Anything but success is an error. */
export interface VaultAdmin {
  readonly token: string;
  /** The `data` of what is read. */
  read(path: string): Promise<Record<string, unknown>>;
  write(path: string, body: unknown): Promise<Readonly<Record<string, unknown>>>;
}

export function vaultAdmin(paths: LabPaths): VaultAdmin {
  const token = (JSON.parse(readFileSync(vaultFiles(paths).init, 'utf8')) as { root_token: string }).root_token;
  return {
    token,
    read: async (path) => dataOf(await mustCallVault(paths, { method: 'GET', path, token })),
    write: (path, body) => mustCallVault(paths, { method: 'POST', path, token, body }),
  };
}

export function dataOf(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return (body.data ?? {}) as Record<string, unknown>;
}
