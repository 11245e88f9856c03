/** Opens the shells of an inventory over SSH: hosts are resolved and connected when they are first needed. */

import type { Host } from '../../domain/cluster/inventory.js';
import { fail } from '../../domain/errors.js';
import type { NodeShell, Shells } from '../../ports/node-shell.js';
import { shellOf } from './node-shell.js';
import { makePool } from './pool.js';
import { type Hop, resolveRoute } from './resolve-host.js';

export interface SshOptions {
  readonly hosts: readonly Host[];
  /** `-F` for hosts that name no file of their own. */
  readonly sshConfigFile?: string;
  /** Instead of UserKnownHostsFile and GlobalKnownHostsFile. */
  readonly knownHostsFiles?: readonly string[];
  /** For ssh itself, SSH_AUTH_SOCK and HOME. */
  readonly env: NodeJS.ProcessEnv;
  /** Host keys are always checked strictly, whatever the SSH configuration says. */
  readonly strictHostKeyChecking?: 'yes';
  /** Lines for a log: connections made and lost. No secrets. */
  log(line: string): void;
}

/** Nothing is connected yet. `to` throws node-unknown; what the shells throw is said by the port. */
export function openShells(options: SshOptions): Shells {
  const pool = makePool({ log: options.log });
  const shells = new Map<string, NodeShell>();
  for (const host of options.hosts) {
    let route: Promise<Hop[]> | undefined;
    const resolve = (): Promise<Hop[]> => {
      // A configuration that could not be resolved is asked again: the operator may have corrected it.
      route ??= resolveRoute(host, options).catch((error) => {
        route = undefined;
        throw error;
      });
      return route;
    };
    shells.set(
      host.name,
      shellOf(host.name, async () => pool.connectionTo(await resolve())),
    );
  }
  return {
    to: (node) =>
      shells.get(node) ??
      fail('node-unknown', {
        target: node,
        summary: `There is no host "${node}" in the inventory`,
        cause: 'the cluster has a node of that name',
        nextAction: 'Add it to the inventory with its address',
      }),
    close: () => pool.close(),
  };
}
