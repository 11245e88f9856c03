/** The real things behind the ports, chosen here and nowhere else. */

import { existsSync, readFileSync } from 'node:fs';
import { openKube } from '../adapters/kube/open-kube.js';
import { openShells } from '../adapters/ssh/open-shells.js';
import { openTlsProbe } from '../adapters/tls/tls-probe.js';
import { openVaultIssuer } from '../adapters/vault/issuer.js';
import { openRoleIssuer } from '../adapters/vault/role-issuer.js';
import type { Host } from '../domain/cluster/inventory.js';
import type { Settings } from '../domain/plan/plan.js';
import type { Issuer, RoleIssuer } from '../ports/issuer.js';
import type { KubeAccess } from '../ports/kube.js';
import type { Shells } from '../ports/node-shell.js';
import type { TlsProbe } from '../ports/tls-probe.js';
import { readHosts } from './read-inventory.js';

export interface World {
  readonly hosts: readonly Host[];
  readonly shells: Shells;
  readonly access: KubeAccess;
  /** Opened when first needed: planning needs no issuer. */
  issuer(): Promise<Issuer>;
  /** The same place, for a CA whose key stays there. */
  roleIssuer(roles: readonly string[]): Promise<RoleIssuer>;
  readonly tls: TlsProbe;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly settings: Pick<Settings, 'inventoryFile' | 'kubeconfig' | 'context' | 'sshConfig' | 'knownHosts' | 'vault'>;
  readonly env: NodeJS.ProcessEnv;
}

/** Opens everything but the issuer. Connections are made when first used. Throws inventory-invalid, kubeconfig-invalid. */
export async function openWorld({ settings, env }: WorldOptions): Promise<World> {
  const hosts = readHosts(readFileSync(settings.inventoryFile, 'utf8'), settings.inventoryFile);
  const access = await openKube({ kubeconfig: settings.kubeconfig, env, ...(settings.context === '' ? {} : { context: settings.context }) });
  const shells = shellsOf(hosts, settings, env);
  let issuer: Promise<Issuer> | undefined;
  const roleIssuers = new Map<string, Promise<RoleIssuer>>();
  const vault = { env: vaultEnv(settings, env), now: Date.now, log: () => undefined, ...settings.vault };
  return {
    hosts,
    shells,
    access,
    issuer() {
      issuer ??= openVaultIssuer(vault);
      return issuer;
    },
    roleIssuer(roles) {
      const opened = roleIssuers.get(roles.join()) ?? openRoleIssuer({ ...vault, roles });
      roleIssuers.set(roles.join(), opened);
      return opened;
    },
    tls: openTlsProbe(),
    async close() {
      access.close();
      await shells.close();
    },
  };
}

/** Shells of these hosts, by the SSH configuration and known_hosts that were named. */
export function shellsOf(hosts: readonly Host[], settings: Pick<Settings, 'sshConfig' | 'knownHosts'>, env: NodeJS.ProcessEnv): Shells {
  return openShells({
    hosts,
    env,
    log: () => undefined,
    ...(settings.sshConfig === undefined ? {} : { sshConfigFile: settings.sshConfig }),
    ...(settings.knownHosts === undefined || !existsSync(settings.knownHosts) ? {} : { knownHostsFiles: [settings.knownHosts] }),
  });
}

/** The plan says which role signs, whatever the shell of the moment has. */
function vaultEnv(settings: Pick<Settings, 'vault'>, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, ROTATE_CA_VAULT_SIGN_ROLE: settings.vault.signRole ?? '' };
}
