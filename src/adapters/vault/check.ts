/** What must hold in Vault before a run: all of it is asked, nothing is changed, everything that is amiss is told at once. */

import { type Failure, RotationError, failure } from '../../domain/errors.js';
import type { CallOptions, VaultAnswer, VaultConnection } from './connection.js';
import { missingGrants, refusalOf, sealed } from './refusal.js';
import { type VaultSession, fieldOf } from './session.js';

export interface CheckOptions extends CallOptions {
  readonly connection: VaultConnection;
  readonly session: VaultSession;
  readonly mount: string;
  readonly needed: readonly Grant[];
  readonly caTtlMs: number;
}

// An id that no issuer has: policies are asked about paths, and one issuer's path stands for all.
export const anyId = '00000000-0000-0000-0000-000000000000';

export interface Grant {
  readonly path: string;
  readonly capability: 'read' | 'update' | 'delete' | 'list';
}

/** The paths that a run uses, as a policy must grant them. */
export function neededGrants(mount: string, signRole: string): Grant[] {
  return [
    { path: `${mount}/issuers/generate/root/exported`, capability: 'update' },
    { path: `${mount}/issuers`, capability: 'list' },
    { path: `${mount}/issuer/${anyId}`, capability: 'read' },
    { path: signPath(mount, anyId, signRole), capability: 'update' },
    { path: `${mount}/issuer/${anyId}`, capability: 'delete' },
    { path: `${mount}/key/${anyId}`, capability: 'delete' },
  ];
}

/** With a role, sign-verbatim takes from it what a request cannot say: not_before_duration and no_store. */
export function signPath(mount: string, issuer: string, signRole: string): string {
  return `${mount}/issuer/${encodeURIComponent(issuer)}/sign-verbatim${signRole === '' ? '' : `/${encodeURIComponent(signRole)}`}`;
}

/** Never throws a RotationError but `interrupted`. */
export async function checkVault(options: CheckOptions): Promise<Failure[]> {
  try {
    const health = await options.connection.call({ method: 'GET', path: 'sys/health', repeatable: true }, options);
    const ill = judgeHealth(health, options.connection.settings.address);
    if (ill !== undefined) return [ill];
    return [...(await checkGrants(options)), ...(await checkMount(options))];
  } catch (error) {
    if (error instanceof RotationError && error.code !== 'interrupted') return [...error.failures];
    throw error;
  }
}

function judgeHealth({ body }: VaultAnswer, address: string): Failure | undefined {
  if (body.initialized === false) {
    return failure('vault-refused', {
      target: address,
      summary: 'Vault is not initialised',
      cause: 'it has no keys and no engines yet',
      nextAction: 'Check VAULT_ADDR; a new Vault is set up with "vault operator init"',
    });
  }
  if (body.sealed === true) return sealed(address);
  const [major = 0, minor = 0] = String(body.version ?? '')
    .split('.')
    .map(Number);
  if (major !== 1 || minor >= 11) return undefined;
  return failure('vault-refused', {
    target: address,
    summary: `Vault ${String(body.version)} is too old`,
    cause: 'several issuers in one PKI engine exist from version 1.11',
    nextAction: 'Upgrade Vault to 1.11 or later',
  });
}

async function checkGrants({ session, connection, needed, signal }: CheckOptions): Promise<Failure[]> {
  const { address } = connection.settings;
  const path = 'sys/capabilities-self';
  const answer = await session.call({ method: 'POST', path, body: { paths: [...new Set(needed.map((g) => g.path))] }, repeatable: true }, { signal });
  if (answer.status !== 200) return [refusalOf(answer, { what: 'The list of what the token may do', path, capability: 'update', address })];
  const missing = needed.filter((grant) => !isGranted(fieldOf(answer.body.data, grant.path), grant.capability));
  return missing.length === 0 ? [] : [missingGrants(address, missing)];
}

function isGranted(capabilities: unknown, capability: string): boolean {
  return Array.isArray(capabilities) && (capabilities.includes(capability) || capabilities.includes('root'));
}

async function checkMount({ session, connection, mount, caTtlMs, signal }: CheckOptions): Promise<Failure[]> {
  const { address } = connection.settings;
  const path = `sys/internal/ui/mounts/${mount}`;
  const answer = await session.call({ method: 'GET', path, repeatable: true }, { signal });
  const tell = (summary: string, cause: string, nextAction: string): Failure[] => [failure('vault-refused', { target: address, summary, cause, nextAction })];
  if (answer.status === 403 || answer.status === 404) {
    return tell(
      `There is no engine mounted at "${mount}"`,
      'or the token has no grant on anything in it: Vault does not tell the two apart',
      `Look with "vault secrets list"; mount one with: vault secrets enable -path=${mount} pki`,
    );
  }
  if (answer.status !== 200) return [refusalOf(answer, { what: 'The look at the mount', path, capability: 'read', address })];
  const { data } = answer.body;
  if (fieldOf(data, 'type') !== 'pki')
    return tell(`The engine at "${mount}" is no PKI engine`, `its type is "${String(fieldOf(data, 'type'))}"`, 'Name the mount of a PKI engine with --vault-mount');
  const maxSeconds = Number(fieldOf(fieldOf(data, 'config'), 'max_lease_ttl'));
  if (maxSeconds * 1_000 >= caTtlMs) return [];
  const hours = Math.ceil(caTtlMs / 3_600_000);
  return tell(
    `The engine at "${mount}" would cut the life of the new CA`,
    `its longest lease is ${maxSeconds / 3_600} h, the CA is to live ${hours} h`,
    `Run: vault secrets tune -max-lease-ttl=${hours}h ${mount}`,
  );
}
