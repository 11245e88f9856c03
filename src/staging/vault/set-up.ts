/** Makes a new Vault what the lab's setup makes of a real one: engine, sign role, policy, AppRole (lab/vault/setup.ts). */

import type { Answer } from './answer.js';
import type { VaultCore } from './vault-core.js';

export interface SetUp {
  /** Where the PKI engine is mounted, without slashes around. Default pki-k8s. */
  readonly mount?: string;
  /** Longest life of what the engine makes. Default 87600h. */
  readonly maxLease?: string;
  /** HCL: what the AppRole may do. */
  readonly policy: string;
  /** Names the AppRole and its policy; lives of its tokens as Vault writes them. Default rotate-ca, 1h, 72h. */
  readonly appRole?: { readonly name?: string; readonly tokenTtl?: string; readonly tokenMaxTtl?: string };
  /** A role for sign-verbatim that backdates; '' for none. Default rotate-ca, 10m. */
  readonly signRole?: { readonly name: string; readonly backdate?: string } | '';
  /** More roles of the mount, by name, as they are written. */
  readonly roles?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface Credentials {
  readonly roleId: string;
  readonly secretId: string;
  readonly rootToken: string;
}

/** Through the paths that an operator uses. Throws an Error with Vault's words, for example for a policy that cannot be read. */
export async function setUp(core: VaultCore, options: SetUp): Promise<Credentials> {
  const { mount = 'pki-k8s', maxLease = '87600h', policy, signRole = { name: 'rotate-ca' } } = options;
  const { name = 'rotate-ca', tokenTtl = '1h', tokenMaxTtl = '72h' } = options.appRole ?? {};
  const root = core.tokens.create({ policies: ['root'], displayName: 'root', path: 'auth/token/root', orphan: true, ttl: 0 });
  const write = writerOf(core, root.id);
  await write(`sys/mounts/${mount}`, { type: 'pki', config: { max_lease_ttl: maxLease } });
  if (signRole !== '') {
    const role = { allow_any_name: true, enforce_hostnames: false, not_before_duration: signRole.backdate ?? '10m', max_ttl: maxLease, no_store: true };
    await write(`${mount}/roles/${signRole.name}`, role);
  }
  for (const [role, body] of Object.entries(options.roles ?? {})) await write(`${mount}/roles/${role}`, body);
  await write('sys/auth/approle', { type: 'approle' });
  await write(`sys/policies/acl/${name}`, { policy });
  await write(`auth/approle/role/${name}`, { token_policies: [name], token_no_default_policy: true, token_ttl: tokenTtl, token_max_ttl: tokenMaxTtl });
  const path = `auth/approle/role/${name}/role-id`;
  const { role_id: roleId } = dataOf(path, await core.handle({ operation: 'read', path, data: {}, token: root.id }));
  const { secret_id: secretId } = await write(`auth/approle/role/${name}/secret-id`, {});
  return { roleId: String(roleId), secretId: String(secretId), rootToken: root.id };
}

/** Writes with a token; the data of the answer. Throws an Error with Vault's words. */
export function writerOf(core: VaultCore, token: string): (path: string, data: Readonly<Record<string, unknown>>) => Promise<Record<string, unknown>> {
  return async (path, data) => dataOf(path, await core.handle({ operation: 'update', path, data, token }));
}

function dataOf(path: string, { status, body }: Answer): Record<string, unknown> {
  const told = (body ?? {}) as { readonly data?: Record<string, unknown>; readonly errors?: readonly string[] };
  if (status >= 300) throw new Error(`the staging Vault cannot be set up: ${path}: ${(told.errors ?? []).join('; ')}`);
  return told.data ?? {};
}
