/** The issuer on a PKI engine whose roots keep their keys: every leaf is issued under a role. */

import { type Failure, fail, failure } from '../../domain/errors.js';
import { fittingRole, type LeafWish, type NamedRole, unfitRole } from '../../domain/issuing/unfit-role.js';
import type { Role } from '../../domain/issuing/role-names.js';
import type { RoleIssuer } from '../../ports/issuer.js';
import { anyId, checkVault, type Grant } from './check.js';
import type { CallOptions, VaultCall } from './connection.js';
import { inspectCa, inspectRoleLeaf } from './inspection.js';
import { openPkiEngine, type PkiEngine, type PkiEngineOptions, rootRequest, textOf, withNewline } from './pki-engine.js';
import { refusalOf } from './refusal.js';
import { fieldOf } from './session.js';
import { createInEngine, examineEngine, removeFromEngine } from './set-up-engine.js';

export interface RoleIssuerOptions extends PkiEngineOptions {
  /** Roles of the mount, in the order in which they are tried. */
  readonly roles: readonly string[];
}

export interface VaultRoleIssuer extends RoleIssuer {
  /** Ends the renewal of the token. */
  close(): void;
}

/** Reads settings and files; Vault itself is asked with the first call. Throws RotationError config-invalid, vault-auth-failed. */
export async function openRoleIssuer(options: RoleIssuerOptions): Promise<VaultRoleIssuer> {
  const engine = openPkiEngine(options);
  const { connection, session, mount, ask } = engine;

  async function rolesNamed(names: readonly string[], signal: CallOptions): Promise<NamedRole[]> {
    return Promise.all(
      names.map(async (name) => {
        const { data } = await ask(`The role "${name}"`, 'read', { method: 'GET', path: rolePath(mount, name), repeatable: true }, signal);
        return { name, role: data as Role };
      }),
    );
  }

  return {
    async check({ caTtlMs, leaves }, signal = {}) {
      const failures = await checkVault({ connection, session, mount, needed: neededGrants(mount, options.roles), caTtlMs, ...signal });
      if (failures.length > 0) return failures;
      const { found, missing } = await readRoles(engine, options.roles, signal);
      const spare = await otherRoles(engine, options.roles, signal);
      return [...missing, ...leaves.flatMap((leaf) => judgeLeaf(mount, leaf, { roles: found, spare }))];
    },

    async generateCa(ca, signal = {}) {
      const call: VaultCall = { method: 'POST', path: `${mount}/issuers/generate/root/internal`, body: rootRequest(ca), repeatable: false };
      const { data } = await ask(`The new CA "${ca.name}"`, 'update', call, signal);
      const certificatePem = withNewline(textOf(data, 'certificate'));
      inspectCa(certificatePem, { ca, nowMs: options.now() });
      return { issuerId: textOf(data, 'issuer_id'), keyId: textOf(data, 'key_id'), certificatePem };
    },

    async sign({ issuerId, csrPem, leaf }, signal = {}) {
      const roles = await rolesNamed(options.roles, signal);
      const chosen = fittingRole(roles, leaf);
      if (chosen === undefined) return fail('vault-role-unfit', partsOf(mount, leaf, { roles, spare: [] }));
      const call: VaultCall = { method: 'POST', path: signPath(mount, issuerId, chosen.name), body: leafRequest(csrPem, leaf), repeatable: true };
      const { data } = await ask(`The leaf "${leaf.commonName}"`, 'update', call, signal);
      const certificatePem = withNewline(textOf(data, 'certificate'));
      inspectRoleLeaf(certificatePem, { csrPem, leaf, issuerId, nowMs: options.now() });
      return certificatePem;
    },

    examine: (setup, signal = {}) => examineEngine(engine, setup, signal),
    create: (setup, names, signal = {}) => createInEngine(engine, setup, names, signal),
    remove: (setup, names, signal = {}) => removeFromEngine(engine, setup, names, signal),
    findCa: (name, signal = {}) => engine.findCa(name, signal),
    destroyCa: (ca, signal = {}) => engine.destroyCa(ca, signal),
    describe: () => `${engine.describe()}, roles ${options.roles.join(', ')}`,
    close: () => engine.close(),
  };
}

function rolePath(mount: string, role: string): string {
  return `${mount}/roles/${encodeURIComponent(role)}`;
}

/** By the issuer of this generation, whichever one the role or the mount calls its default. */
function signPath(mount: string, issuer: string, role: string): string {
  return `${mount}/issuer/${encodeURIComponent(issuer)}/sign/${encodeURIComponent(role)}`;
}

function neededGrants(mount: string, roles: readonly string[]): Grant[] {
  return [
    { path: `${mount}/issuers/generate/root/internal`, capability: 'update' },
    { path: `${mount}/issuers`, capability: 'list' },
    { path: `${mount}/issuer/${anyId}`, capability: 'read' },
    { path: `${mount}/roles`, capability: 'list' },
    ...roles.flatMap((role): Grant[] => [
      { path: rolePath(mount, role), capability: 'read' },
      { path: signPath(mount, anyId, role), capability: 'update' },
    ]),
    { path: `${mount}/issuer/${anyId}`, capability: 'delete' },
    { path: `${mount}/key/${anyId}`, capability: 'delete' },
  ];
}

/** Names are given twice: a role may take them from the request or from the fields. Organisations come from the role alone. */
function leafRequest(csrPem: string, { commonName, sans, ttlMs }: LeafWish): Record<string, unknown> {
  const ofKind = (...prefixes: string[]): string => prefixes.flatMap((prefix) => sans.filter((san) => san.startsWith(prefix)).map((san) => san.slice(prefix.length))).join(',');
  return {
    csr: csrPem,
    common_name: commonName,
    alt_names: ofKind('DNS:', 'email:'),
    ip_sans: ofKind('IP:'),
    uri_sans: ofKind('URI:'),
    exclude_cn_from_sans: true,
    ttl: `${Math.round(ttlMs / 1_000)}s`,
    format: 'pem',
  };
}

async function readRoles({ session, connection, mount }: PkiEngine, names: readonly string[], signal: CallOptions): Promise<{ found: NamedRole[]; missing: Failure[] }> {
  const { address } = connection.settings;
  const found: NamedRole[] = [];
  const missing: Failure[] = [];
  for (const name of names) {
    const path = rolePath(mount, name);
    const answer = await session.call({ method: 'GET', path, repeatable: true }, signal);
    if (answer.status === 200) found.push({ name, role: answer.body.data as Role });
    else if (answer.status === 404) {
      missing.push(
        failure('vault-role-unfit', {
          target: path,
          summary: `The engine at "${mount}" has no role "${name}"`,
          nextAction: `Look with: vault list ${mount}/roles`,
        }),
      );
    } else missing.push(refusalOf(answer, { what: `The role "${name}"`, path, capability: 'read', address }));
  }
  return { found, missing };
}

/** Roles that were not named but may be read: one of them may be the one that is needed. */
async function otherRoles({ session, mount }: PkiEngine, names: readonly string[], signal: CallOptions): Promise<NamedRole[]> {
  const list = await session.call({ method: 'LIST', path: `${mount}/roles`, repeatable: true }, signal);
  const keys = list.status === 200 ? fieldOf(list.body.data, 'keys') : [];
  const others = (Array.isArray(keys) ? (keys as string[]) : []).filter((name) => !names.includes(name));
  const read = await Promise.all(
    others.map(async (name) => {
      const answer = await session.call({ method: 'GET', path: rolePath(mount, name), repeatable: true }, signal);
      return answer.status === 200 ? [{ name, role: answer.body.data as Role }] : [];
    }),
  );
  return read.flat();
}

interface Candidates {
  readonly roles: readonly NamedRole[];
  readonly spare: readonly NamedRole[];
}

function judgeLeaf(mount: string, leaf: LeafWish, candidates: Candidates): Failure[] {
  return fittingRole(candidates.roles, leaf) === undefined ? [failure('vault-role-unfit', partsOf(mount, leaf, candidates))] : [];
}

function partsOf(mount: string, leaf: LeafWish, { roles, spare }: Candidates): { target: string; summary: string; cause: string; nextAction: string } {
  const would = fittingRole(spare, leaf);
  const organization = leaf.organizations.length === 0 ? '' : ` organization="${leaf.organizations.join(',')}"`;
  return {
    target: leaf.commonName,
    summary: `No role that was named issues "${leaf.commonName}"`,
    cause: roles.map(({ name, role }) => `"${name}" ${unfitRole(role, leaf).join(', ')}`).join('; '),
    nextAction:
      would === undefined
        ? `Write one, and name it: vault write ${mount}/roles/NAME allow_any_name=true enforce_hostnames=false key_type=any max_ttl=${Math.ceil(leaf.ttlMs / 3_600_000)}h${organization}`
        : `Name the role "${would.name}" too: it issues this leaf`,
  };
}
