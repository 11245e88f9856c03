/** sys: mounts, auth methods, policies, capabilities and sealing (vault/logical_system.go). */

import { type Outcome, failed, refused, unsupportedOperation, unsupportedPath } from './answer.js';
import type { Engine, EngineCall } from './call.js';
import type { VaultCore } from './vault-core.js';
import { readFields } from './fields.js';
import { builtinMounts, describeMount } from './mounts.js';
import { parsePolicy } from './policy-text.js';
import { systemDefaultSeconds, systemMaxSeconds } from './tokens.js';

type Handler = (core: VaultCore, call: EngineCall, name: string) => Outcome | undefined;

const routes: readonly (readonly [pattern: RegExp, operations: Partial<Record<EngineCall['operation'], Handler>>])[] = [
  [/^capabilities-self$/, { update: capabilitiesSelf }],
  [/^internal\/ui\/mounts\/?$/, { read: allMounts }],
  [/^internal\/ui\/mounts\/(.+?)\/?$/, { read: mountFor }],
  [/^mounts\/?$/, { read: listMounts }],
  [/^mounts\/(.+)\/tune$/, { read: readTune, update: writeTune }],
  [/^mounts\/(.+?)\/?$/, { read: readMount, update: addMount, delete: (core, _, name) => void core.mounts.remove(`${name}/`) }],
  [/^auth\/?$/, { read: listAuth }],
  [/^auth\/(.+?)\/?$/, { update: enableAuth, delete: (core, _, name) => void core.appRoles.disable(name) }],
  [/^polic(?:ies\/acl|y)\/?$/, { read: listPolicies, list: listPolicies }],
  [/^polic(?:ies\/acl|y)\/([^/]+)$/, { read: readPolicy, update: writePolicy, delete: (core, _, name) => void core.policies.delete(name) }],
  [/^seal$/, { update: (core) => void seal(core) }],
];

export function sysRoutes(core: VaultCore): Engine {
  return (call) => {
    for (const [pattern, operations] of routes) {
      const match = pattern.exec(call.below);
      if (match === null) continue;
      const handler = operations[call.operation];
      if (handler === undefined) throw unsupportedOperation();
      return handler(core, call, match[1] ?? '');
    }
    throw unsupportedPath();
  };
}

function seal(core: VaultCore): void {
  core.sealed = true;
}

function capabilitiesSelf(core: VaultCore, { data, caller }: EngineCall): Outcome {
  const fields = readFields(data, { paths: 'list', path: 'list', token: 'string' });
  const paths = fields.has('paths') ? fields.list('paths') : fields.list('path');
  if (paths.length === 0) throw refused('paths must be supplied');
  const acl = caller === undefined ? undefined : core.aclOf(caller);
  const found = paths.map((path) => [path, acl === undefined ? ['root'] : acl.capabilities(path.replace(/^\//, ''))] as const);
  const [first] = found;
  return { data: { ...(found.length === 1 && first !== undefined ? { capabilities: first[1] } : {}), ...Object.fromEntries(found) } };
}

/** Open, but judges the token itself, and does not tell what is missing from what is not allowed. */
function mountFor(core: VaultCore, call: EngineCall, name: string): Outcome {
  const caller = judged(call);
  const path = `${name}/`;
  const denied = refused(`preflight capability check returned 403, please ensure client's policies grant access to path "${path}"`, 403);
  const builtin = builtinMounts().find((entry) => path.startsWith(entry.path));
  const entry = builtin ?? core.mounts.of(path)?.entry;
  if (entry === undefined) throw denied;
  const acl = core.aclOf(caller);
  if (acl !== undefined && !acl.reaches(entry.path)) throw denied;
  return { data: { ...describeMount(entry, true), path: entry.path } };
}

function judged({ token, caller }: EngineCall): NonNullable<EngineCall['caller']> {
  if (token === '') throw refused('permission denied', 403);
  if (caller === undefined) throw failed(403, 'permission denied', 'invalid token');
  return caller;
}

function allMounts(core: VaultCore, call: EngineCall): Outcome {
  const acl = core.aclOf(judged(call));
  const entries = [...builtinMounts(), ...core.mounts.all().map(({ entry }) => entry)].filter((entry) => acl === undefined || acl.reaches(entry.path));
  const auth = core.appRoles.entries().filter((entry) => acl === undefined || acl.reaches(`auth/${entry.path}`));
  const told = (list: typeof entries): Record<string, unknown> => Object.fromEntries(list.map((entry) => [entry.path, describeMount(entry, true)]));
  return { data: { auth: told([...auth]), secret: told(entries) } };
}

function listMounts(core: VaultCore): Outcome {
  const entries = [...builtinMounts(), ...core.mounts.all().map(({ entry }) => entry)];
  return { data: Object.fromEntries(entries.map((entry) => [entry.path, describeMount(entry, false)])) };
}

function readMount(core: VaultCore, _: EngineCall, name: string): Outcome {
  const entry = core.mounts.of(`${name}/`)?.entry;
  if (entry === undefined) throw refused(`No secret engine mount at ${name}/`);
  return { data: describeMount(entry, false) };
}

function addMount(core: VaultCore, { data }: EngineCall, name: string): undefined {
  core.mounts.add(name, data);
}

function readTune(core: VaultCore, _: EngineCall, name: string): Outcome {
  const entry = core.mounts.of(`${name}/`)?.entry;
  if (entry === undefined) throw refused(`cannot fetch sysview for path "${name}/"`);
  const { defaultLeaseSeconds, maxLeaseSeconds, description } = entry;
  return { data: { default_lease_ttl: defaultLeaseSeconds || systemDefaultSeconds, description, force_no_cache: false, max_lease_ttl: maxLeaseSeconds || systemMaxSeconds } };
}

function writeTune(core: VaultCore, { data }: EngineCall, name: string): undefined {
  const entry = core.mounts.of(`${name}/`)?.entry;
  if (entry === undefined) throw refused(`tune of path "${name}/" failed: no mount entry found`);
  const fields = readFields(data, { default_lease_ttl: 'duration', max_lease_ttl: 'duration' });
  entry.defaultLeaseSeconds = fields.seconds('default_lease_ttl', entry.defaultLeaseSeconds);
  entry.maxLeaseSeconds = fields.seconds('max_lease_ttl', entry.maxLeaseSeconds);
}

function listAuth(core: VaultCore): Outcome {
  return { data: Object.fromEntries(core.appRoles.entries().map((entry) => [entry.path, describeMount(entry, false)])) };
}

function enableAuth(core: VaultCore, { data }: EngineCall, name: string): undefined {
  if (data.type !== 'approle') throw refused(`plugin not found in the catalog: ${String(data.type)}`);
  core.appRoles.enable(name);
}

function listPolicies(core: VaultCore, { below }: EngineCall): Outcome {
  const keys = [...core.policies.keys(), 'root'].sort();
  return { data: below.startsWith('policies') ? { keys } : { keys, policies: keys } };
}

function readPolicy(core: VaultCore, { below }: EngineCall, name: string): Outcome | undefined {
  const text = name === 'root' ? '' : core.policies.get(name);
  if (text === undefined) return undefined;
  return { data: { name, [below.startsWith('policies') ? 'policy' : 'rules']: text } };
}

function writePolicy(core: VaultCore, { data }: EngineCall, name: string): undefined {
  const text = String(data.policy ?? data.rules ?? '');
  if (text === '') throw refused("'policy' parameter not supplied or empty");
  if (name === 'root') throw refused('cannot update "root" policy');
  parsePolicy(text);
  core.policies.set(name.toLowerCase(), text);
}
