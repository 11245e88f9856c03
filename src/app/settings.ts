/** Settings of a run from flags, environment and configuration file, in this order. */

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Flags {
  readonly inventory?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
  readonly vaultMount?: string;
  readonly recipient?: readonly string[];
  readonly identity?: string;
  readonly stateDir?: string;
}

/** XDG base directories: state is kept over restarts, and is of this machine. */
export function stateDirOf(flags: Pick<Flags, 'stateDir'>, env: NodeJS.ProcessEnv): string {
  const set = flags.stateDir ?? env.ROTATE_CA_STATE_DIR;
  if (set !== undefined && set !== '') return resolve(set);
  const base = env.XDG_STATE_HOME;
  return join(base?.startsWith('/') ? base : join(homedir(), '.local', 'state'), 'rotate-ca');
}
