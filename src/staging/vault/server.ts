/** A Vault-shaped HTTPS server for the staging cluster: PKI engine, AppRole, policies, sealing, with the answers of Vault 1.21. */

import type { StagingClock } from '../clock.js';
import { createCore } from './core.js';
import { type ListenOptions, listen } from './listen.js';
import { type SetUp, setUp, writerOf } from './set-up.js';
import type { VaultCore } from './vault-core.js';
import { type Dump, dumpCore, loadCore } from './snapshot.js';

export interface StartVault extends SetUp, ListenOptions {
  readonly clock: StagingClock;
  /** Unix ms; the clock's without. */
  readonly now?: () => number;
  /** Told the path of each call. */
  readonly onCall?: (path: string) => void;
}

export interface StagingVault {
  readonly url: string;
  /** What clients must trust (VAULT_CACERT). */
  readonly caPem: string;
  readonly roleId: string;
  readonly secretId: string;
  readonly rootToken: string;
  /** Hex; `vault operator unseal` takes it. */
  readonly unsealKey: string;
  seal(): void;
  unseal(): void;
  /** Ends every token but the root token, as if its time were up. */
  expireTokens(): void;
  /** Takes a path from everybody but the root token, whatever policies say: `*` at the end, `+` for a segment. */
  denyPath(glob: string): void;
  /** Takes back every denyPath. */
  restorePolicy(): void;
  /** As its root token; the data of the answer. Throws an Error with Vault's words. */
  write(path: string, data: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  /** Everything it holds, keys of CAs and tokens too: to be kept as a secret. JSON. */
  state(): string;
  /** Puts back what `state` told, from this server or another. Throws SyntaxError, RangeError. */
  load(state: string): void;
  /** Ends all connections, too. */
  close(): Promise<void>;
}

/** Resolves when it listens, set up as the lab's Vault is. Rejects when the port is taken (EADDRINUSE). */
export async function startVault(options: StartVault): Promise<StagingVault> {
  const core = createCore(options.now ?? (() => options.clock.now()));
  const { roleId, secretId, rootToken } = await setUp(core, options);
  const { url, caPem, close } = await listen(options.onCall === undefined ? core : told(core, options.onCall), options);
  return {
    url,
    caPem,
    roleId,
    secretId,
    rootToken,
    unsealKey: core.cluster.unsealKey,
    seal() {
      core.sealed = true;
    },
    unseal() {
      core.sealed = false;
    },
    expireTokens() {
      for (const token of core.tokens.all()) if (token.expiresMs !== undefined) token.expiresMs = 0;
    },
    denyPath: (glob) => void core.denied.add(glob),
    restorePolicy: () => core.denied.clear(),
    write: writerOf(core, rootToken),
    state: () => JSON.stringify(dumpCore(core)),
    load: (state) => loadCore(core, JSON.parse(state) as Dump),
    close,
  };
}

function told(core: VaultCore, onCall: (path: string) => void): VaultCore {
  return {
    ...core,
    handle(call) {
      onCall(call.path);
      return core.handle(call);
    },
  };
}
