/** Makes what is missing of a mount for a CA whose key stays in it: engine, longest lease, roles, policy. What is there is compared and left alone. */

import { RotationError } from '../../domain/errors.js';
import { type EngineSetup, policyText, roleBody, roleDifference, samePolicy, seconds, type SetupItem } from '../../domain/issuing/engine-setup.js';
import type { Role } from '../../domain/issuing/role-names.js';
import type { CallOptions, VaultCall } from './connection.js';
import type { PkiEngine } from './pki-engine.js';
import { refusalOf } from './refusal.js';
import { fieldOf } from './session.js';

/** Reads only. */
export async function examineEngine(engine: PkiEngine, setup: EngineSetup, signal: CallOptions): Promise<SetupItem[]> {
  const mount = await examineMount(engine, setup, signal);
  // Nothing is in an engine that is not there.
  const roles =
    mount.state === 'absent' ? setup.roles.map(({ name }) => item(`role ${name}`, 'absent')) : await Promise.all(setup.roles.map((role) => examineRole(engine, role, signal)));
  const policies = setup.policy === undefined ? [] : [await examinePolicy(engine, setup.policy, signal)];
  return [mount, ...roles, ...policies];
}

/** Makes those that are named. Making one again is no error. */
export async function createInEngine({ mount, ask }: PkiEngine, setup: EngineSetup, names: readonly SetupItem['name'][], signal: CallOptions): Promise<void> {
  const write = (what: string, path: string, body: Record<string, unknown>): Promise<unknown> => ask(what, 'update', { method: 'POST', path, body, repeatable: true }, signal);
  if (names.includes('mount')) await write(`The engine at "${mount}"`, `sys/mounts/${mount}`, { type: 'pki', config: { max_lease_ttl: seconds(setup.maxTtlMs) } });
  for (const role of setup.roles) if (names.includes(`role ${role.name}`)) await write(`The role "${role.name}"`, rolePath(mount, role.name), roleBody(role, setup.maxTtlMs));
  if (setup.policy !== undefined && names.includes('policy')) await write(`The policy "${setup.policy}"`, policyPath(setup.policy), { policy: policyText(mount) });
}

/** Deletes those that are named; the mount with all that is in it. Deleting what is gone is no error. */
export async function removeFromEngine({ mount, ask }: PkiEngine, setup: EngineSetup, names: readonly SetupItem['name'][], signal: CallOptions): Promise<void> {
  const remove = (what: string, path: string): Promise<unknown> => ask(`The deletion of ${what}`, 'delete', { method: 'DELETE', path, repeatable: true }, signal);
  if (setup.policy !== undefined && names.includes('policy')) await remove(`the policy "${setup.policy}"`, policyPath(setup.policy));
  if (names.includes('mount')) {
    await remove(`the engine at "${mount}"`, `sys/mounts/${mount}`);
    return;
  }
  for (const role of setup.roles) if (names.includes(`role ${role.name}`)) await remove(`the role "${role.name}"`, rolePath(mount, role.name));
}

async function examineMount({ session, connection, mount }: PkiEngine, { maxTtlMs }: EngineSetup, signal: CallOptions): Promise<SetupItem> {
  const path = `sys/internal/ui/mounts/${mount}`;
  const answer = await session.call({ method: 'GET', path, repeatable: true }, signal);
  // Vault does not tell a mount that is not there from one in which the token may do nothing.
  if (answer.status === 403 || answer.status === 404) return item('mount', 'absent');
  if (answer.status !== 200) throw new RotationError(refusalOf(answer, { what: 'The look at the mount', path, capability: 'read', address: connection.settings.address }));
  const { data } = answer.body;
  const type = String(fieldOf(data, 'type'));
  if (type !== 'pki') return item('mount', 'different', `its type is "${type}"`, 'Name the mount of a PKI engine with --vault-mount.');
  const maxMs = Number(fieldOf(fieldOf(data, 'config'), 'max_lease_ttl')) * 1_000;
  const hours = Math.ceil(maxTtlMs / 3_600_000);
  if (maxMs >= maxTtlMs) return item('mount', 'as wanted');
  return item('mount', 'different', `its longest lease is ${maxMs / 3_600_000} h, wanted are ${hours} h`, `Run: vault secrets tune -max-lease-ttl=${hours}h ${mount}`);
}

async function examineRole(engine: PkiEngine, role: EngineSetup['roles'][number], signal: CallOptions): Promise<SetupItem> {
  const path = rolePath(engine.mount, role.name);
  const data = await readIfAny(engine, { what: `The role "${role.name}"`, path }, signal);
  if (typeof data === 'string') return item(`role ${role.name}`, data);
  const difference = roleDifference(data as Role, role);
  if (difference === '') return item(`role ${role.name}`, 'as wanted');
  const organization = role.organizations.map((one) => `organization=${one}`).join(' ') || 'organization=""';
  return item(`role ${role.name}`, 'different', difference, `Name another role in the playbook, or run: vault patch ${path} ${organization}`);
}

async function examinePolicy(engine: PkiEngine, name: string, signal: CallOptions): Promise<SetupItem> {
  const data = await readIfAny(engine, { what: `The policy "${name}"`, path: policyPath(name) }, signal);
  if (typeof data === 'string') return item('policy', data);
  if (samePolicy(String(fieldOf(data, 'policy')), policyText(engine.mount))) return item('policy', 'as wanted');
  return item('policy', 'different', `the policy "${name}" grants something else than rotate-ca asks for`, 'Leave it if it is meant so; docs/vault.md has the policy.');
}

async function readIfAny(
  { session, connection }: PkiEngine,
  asked: { what: string; path: string },
  signal: CallOptions,
): Promise<'absent' | 'unseen' | Readonly<Record<string, unknown>>> {
  const call: VaultCall = { method: 'GET', path: asked.path, repeatable: true };
  const answer = await session.call(call, signal);
  if (answer.status === 404) return 'absent';
  if (answer.status === 403) return 'unseen';
  if (answer.status !== 200) throw new RotationError(refusalOf(answer, { ...asked, capability: 'read', address: connection.settings.address }));
  return (answer.body.data ?? {}) as Readonly<Record<string, unknown>>;
}

function item(name: SetupItem['name'], state: SetupItem['state'], difference = '', remedy = ''): SetupItem {
  return { name, state, difference, remedy };
}

function rolePath(mount: string, role: string): string {
  return `${mount}/roles/${encodeURIComponent(role)}`;
}

function policyPath(name: string): string {
  return `sys/policies/acl/${encodeURIComponent(name)}`;
}
