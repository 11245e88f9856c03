/** What the parts of one Vault share. */

import type { Acl } from './acl.js';
import type { Answer } from './answer.js';
import type { AppRoles } from './approle.js';
import type { VaultCall } from './call.js';
import type { Mounts } from './mounts.js';
import type { Token, Tokens } from './tokens.js';

export interface VaultCore {
  readonly now: () => number;
  readonly tokens: Tokens;
  readonly mounts: Mounts;
  readonly appRoles: AppRoles;
  /** Text by name. */
  readonly policies: Map<string, string>;
  readonly cluster: { name: string; id: string; unsealKey: string };
  /** Globs that no token but a root token reaches, whatever its policies say. */
  readonly denied: Set<string>;
  sealed: boolean;
  /** undefined: a root token, which may all. */
  aclOf(token: Token): Acl | undefined;
  handle(call: VaultCall): Promise<Answer>;
}
