import { hardWayMount } from '../hard-way/vault-setup.js';
import { type Lab, vaultAddress } from '../lab.js';
import { signRole } from '../vault/setup.js';
import { vaultFiles } from '../vault/files.js';

/** What a user's shell would have set to work with this cluster. */
export function labEnvironment(lab: Lab): Record<string, string> {
  const vault = vaultFiles(lab.paths);
  return {
    KUBECONFIG: lab.paths.adminKubeconfig,
    SSH_AUTH_SOCK: lab.paths.agentSocket,
    VAULT_ADDR: vaultAddress(lab.layout),
    VAULT_CACERT: vault.authority,
    ROTATE_CA_VAULT_ROLE_ID_FILE: vault.roleId,
    ROTATE_CA_VAULT_SECRET_ID_FILE: vault.secretId,
    ...(lab.layout.madeBy === 'kubeadm' ? { ROTATE_CA_VAULT_SIGN_ROLE: signRole } : { ROTATE_CA_VAULT_MOUNT: hardWayMount }),
    ROTATE_CA_INVENTORY: lab.paths.inventory,
    ROTATE_CA_SSH_CONFIG: lab.paths.sshConfig,
    ROTATE_CA_LAB: lab.paths.builtRoot,
  };
}

export function asExports(environment: Readonly<Record<string, string>>): string {
  const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}=${quoted(value)}`)
    .join('\n');
}
