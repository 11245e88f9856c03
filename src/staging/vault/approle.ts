/** AppRole: roles, their secret ids, and the login with both (builtin/credential/approle). */

import { randomBytes, randomUUID } from 'node:crypto';
import { type Outcome, failed, refused, unsupportedOperation, unsupportedPath } from './answer.js';
import type { Engine, EngineCall } from './call.js';
import { type FieldKind, ignoredWarning, readFields } from './fields.js';
import type { MountEntry } from './mounts.js';
import { type Tokens, authOf, systemDefaultSeconds, systemMaxSeconds } from './tokens.js';

interface AppRole {
  readonly name: string;
  readonly roleId: string;
  readonly entityId: string;
  policies: readonly string[];
  noDefaultPolicy: boolean;
  ttl: number;
  maxTtl: number;
  /** Accessors by secret id. */
  readonly secretIds: Record<string, string>;
}

interface AppRoleMount {
  readonly entry: MountEntry;
  readonly roles: Record<string, AppRole>;
}

export interface AppRoles {
  /** "auth/approle/" of a path in it. */
  mountOf(path: string): string | undefined;
  /** Throws Refusal 400. */
  enable(path: string): void;
  disable(path: string): void;
  entries(): readonly MountEntry[];
  engine(tokens: Tokens, mount: string): Engine;
  dump(): readonly AppRoleMount[];
  load(mounts: readonly AppRoleMount[]): void;
}

const roleSchema: Readonly<Record<string, FieldKind>> = {
  role_name: 'string',
  bind_secret_id: 'bool',
  local_secret_ids: 'bool',
  policies: 'list',
  token_policies: 'list',
  token_no_default_policy: 'bool',
  token_ttl: 'duration',
  token_max_ttl: 'duration',
  token_explicit_max_ttl: 'duration',
  token_num_uses: 'int',
  token_period: 'duration',
  token_type: 'string',
  token_bound_cidrs: 'list',
  secret_id_ttl: 'duration',
  secret_id_num_uses: 'int',
  secret_id_bound_cidrs: 'list',
};

export function createAppRoles(now: () => number): AppRoles {
  const mounts = new Map<string, AppRoleMount>();

  return {
    mountOf: (path) => [...mounts.keys()].find((mount) => path.startsWith(mount)),
    enable(path) {
      const full = `auth/${path}/`;
      if (mounts.has(full) || path === 'token') throw refused(`path is already in use at ${path}/`);
      const entry = { path: `${path}/`, type: 'approle', accessor: `auth_approle_${randomBytes(4).toString('hex')}`, uuid: randomUUID(), description: '' };
      mounts.set(full, { entry: { ...entry, defaultLeaseSeconds: 0, maxLeaseSeconds: 0 }, roles: {} });
    },
    disable: (path) => void mounts.delete(`auth/${path}/`),
    entries: () => [...mounts.values()].map(({ entry }) => entry),
    engine: (tokens, mount) => (call) => {
      const found = mounts.get(mount);
      return found === undefined ? undefined : handle(call, { roles: found.roles, mount, tokens, now });
    },
    dump: () => structuredClone([...mounts.values()]),
    load(dumped) {
      mounts.clear();
      for (const one of structuredClone(dumped)) mounts.set(`auth/${one.entry.path}`, one);
    },
  };
}

interface Place {
  readonly roles: Record<string, AppRole>;
  readonly mount: string;
  readonly tokens: Tokens;
  readonly now: () => number;
}

function handle(call: EngineCall, place: Place): Outcome | undefined {
  const { below, operation } = call;
  if (below === 'login') return operation === 'update' ? login(call, place) : unsupported();
  if (below === 'role/' || below === 'role') return operation === 'list' ? { data: { keys: Object.keys(place.roles).sort() } } : unsupported();
  const [, name = '', rest = ''] = /^role\/([^/]+)\/?(.*)$/.exec(below) ?? [];
  if (name === '') throw unsupportedPath();
  const role = place.roles[name];
  if (rest === 'role-id') {
    if (operation !== 'read') return unsupported();
    return role === undefined ? undefined : { data: { role_id: role.roleId } };
  }
  if (rest === 'secret-id' || rest === 'secret-id/') {
    if (role === undefined) throw refused(`role "${name}" does not exist`, 404);
    if (operation === 'list') return { data: { keys: Object.values(role.secretIds).sort() } };
    return operation === 'update' ? newSecretId(role) : unsupported();
  }
  if (rest !== '') throw unsupportedPath();
  if (operation === 'read') return role === undefined ? undefined : { data: describe(role) };
  if (operation === 'delete') return void delete place.roles[name];
  return operation === 'update' ? writeRole(call, place, name) : unsupported();
}

function unsupported(): never {
  throw unsupportedOperation();
}

function writeRole(call: EngineCall, { roles }: Place, name: string): Outcome | undefined {
  const fields = readFields(call.data, roleSchema);
  const before = roles[name] ?? { name, roleId: randomUUID(), entityId: randomUUID(), policies: [], noDefaultPolicy: false, ttl: 0, maxTtl: 0, secretIds: {} };
  const ttl = fields.seconds('token_ttl', before.ttl);
  const maxTtl = fields.seconds('token_max_ttl', before.maxTtl);
  if (maxTtl > 0 && ttl > maxTtl) throw refused("'token_ttl' cannot be greater than 'token_max_ttl'");
  const policies = fields.has('token_policies') ? fields.list('token_policies') : fields.list('policies', before.policies);
  roles[name] = { ...before, policies, noDefaultPolicy: fields.flag('token_no_default_policy', before.noDefaultPolicy), ttl, maxTtl };
  const warnings = ignoredWarning(fields);
  return warnings.length === 0 ? undefined : { warnings };
}

function describe(role: AppRole): Record<string, unknown> {
  return {
    bind_secret_id: true,
    local_secret_ids: false,
    secret_id_bound_cidrs: null,
    secret_id_num_uses: 0,
    secret_id_ttl: 0,
    token_bound_cidrs: [],
    token_explicit_max_ttl: 0,
    token_max_ttl: role.maxTtl,
    token_no_default_policy: role.noDefaultPolicy,
    token_num_uses: 0,
    token_period: 0,
    token_policies: role.policies,
    token_ttl: role.ttl,
    token_type: 'default',
  };
}

function newSecretId(role: AppRole): Outcome {
  const [secretId, accessor] = [randomUUID(), randomUUID()];
  role.secretIds[secretId] = accessor;
  return { data: { secret_id: secretId, secret_id_accessor: accessor, secret_id_num_uses: 0, secret_id_ttl: 0 } };
}

function login(call: EngineCall, { roles, mount, tokens }: Place): Outcome {
  const fields = readFields(call.data, { role_id: 'string', secret_id: 'string' });
  const roleId = fields.text('role_id').trim();
  if (roleId === '') throw failed(500, 'failed to determine alias name from login request');
  const role = Object.values(roles).find((one) => one.roleId === roleId);
  if (role === undefined) throw refused('invalid role or secret ID');
  const secretId = fields.text('secret_id').trim();
  if (secretId === '') throw refused('missing secret_id');
  if (!(secretId in role.secretIds)) throw refused('invalid role or secret ID');
  const maxTtl = role.maxTtl || systemMaxSeconds;
  const ttl = Math.min(role.ttl || systemDefaultSeconds, maxTtl);
  const token = tokens.create({
    policies: [...new Set([...(role.noDefaultPolicy ? [] : ['default']), ...role.policies])],
    // The path of the mount (vault/request_handling.go: mount path and display name of the login, which AppRole leaves empty).
    displayName: mount.slice('auth/'.length, -1).replaceAll('/', '-'),
    path: `${mount}login`,
    meta: { role_name: role.name },
    entityId: role.entityId,
    orphan: true,
    ttl,
    maxTtl,
  });
  return { auth: authOf(token, ttl), warnings: ignoredWarning(fields) };
}
