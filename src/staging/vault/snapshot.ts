/** Everything a Vault holds, as plain data. */

import type { VaultCore } from './vault-core.js';

/** What `state` of the server is made of. Holds keys and tokens. */
export interface Dump {
  readonly version: 1;
  readonly sealed: boolean;
  readonly cluster: VaultCore['cluster'];
  readonly policies: readonly (readonly [name: string, text: string])[];
  readonly denied: readonly string[];
  readonly tokens: ReturnType<VaultCore['tokens']['dump']>;
  readonly appRoles: ReturnType<VaultCore['appRoles']['dump']>;
  readonly mounts: ReturnType<VaultCore['mounts']['dump']>;
}

export function dumpCore(core: VaultCore): Dump {
  return {
    version: 1,
    sealed: core.sealed,
    cluster: { ...core.cluster },
    policies: [...core.policies],
    denied: [...core.denied],
    tokens: core.tokens.dump(),
    appRoles: core.appRoles.dump(),
    mounts: core.mounts.dump(),
  };
}

/** Throws RangeError for a dump of another version. */
export function loadCore(core: VaultCore, dump: Dump): void {
  if (dump.version !== 1) throw new RangeError(`the state of the staging Vault is of version ${String(dump.version)}, not 1`);
  core.sealed = dump.sealed;
  Object.assign(core.cluster, dump.cluster);
  core.policies.clear();
  for (const [name, text] of dump.policies) core.policies.set(name, text);
  core.denied.clear();
  for (const glob of dump.denied) core.denied.add(glob);
  core.tokens.load(dump.tokens);
  core.appRoles.load(dump.appRoles);
  core.mounts.load(dump.mounts);
}
