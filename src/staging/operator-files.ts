/** What the operator of a staging cluster has on disk: inventory, kubeconfig, SSH and Vault access. As files, so that every tool can use them. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { ClusterSpec, NodeSpec } from './spec.js';
import type { SshKeyPair } from './ssh/keys.js';
import { knownHostsLine, sshConfigText } from './ssh/operator-files.js';

export interface OperatorFiles {
  readonly folder: string;
  readonly inventoryFile: string;
  readonly kubeconfig: string;
  readonly sshConfig: string;
  readonly knownHosts: string;
  readonly identityFile: string;
  /** Where the PKI engine of Vault is mounted. */
  readonly vaultMount: string;
  /** Path on the first control plane. */
  readonly adminKubeconfig: string;
  /** VAULT_ADDR, VAULT_CACERT, KUBECONFIG, ...: what a shell would have. */
  readonly env: Readonly<Record<string, string>>;
  /** Token and ca.crt of a token client outside of the cluster, kept as its Secret has them. */
  readonly tokenClient: { readonly tokenFile: string; readonly caFile: string };
}

/** The user of SSH: sudo without a password, no root. */
export const sshUser = 'sre';

export interface OperatorParts {
  readonly spec: ClusterSpec;
  readonly folder: string;
  /** Path on the first control plane, and text. */
  readonly adminKubeconfig: { readonly path: string; readonly text: string };
  readonly userKey: SshKeyPair;
  readonly hostKeys: ReadonlyMap<string, SshKeyPair>;
  readonly vault: {
    readonly url: string;
    readonly caPem: string;
    readonly roleId: string;
    readonly secretId: string;
    readonly rootToken: string;
    readonly signRole: string;
    readonly mount: string;
  };
}

/** Written 0600 into a folder of 0700. */
export function writeOperatorFiles(parts: OperatorParts): OperatorFiles {
  const { folder, spec, vault } = parts;
  const at = (name: string): string => join(folder, name);
  for (const part of ['', 'ssh', 'vault', 'token-client']) mkdirSync(at(part), { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): string => {
    writeFileSync(at(name), text, { mode: 0o600 });
    return at(name);
  };
  const identityFile = write('ssh/id_ed25519', parts.userKey.privateKey);
  write('ssh/id_ed25519.pub', `${parts.userKey.publicKey}\n`);
  const knownHosts = write('ssh/known_hosts', spec.nodes.map((node) => knownHostsLine(node.address, node.sshPort, parts.hostKeys.get(node.name)?.publicKey ?? '')).join(''));
  const sshConfig = write('ssh/config', sshConfigText({ nodes: spec.nodes, user: sshUser, identityFile, knownHostsFile: knownHosts }));
  const inventoryFile = write('inventory.yaml', inventoryText(spec.nodes, identityFile, sshConfig));
  const kubeconfig = write('kubeconfig', parts.adminKubeconfig.text);
  const env = {
    KUBECONFIG: kubeconfig,
    VAULT_ADDR: vault.url,
    VAULT_CACERT: write('vault/ca.pem', vault.caPem),
    ROTATE_CA_VAULT_ROLE_ID_FILE: write('vault/role-id', `${vault.roleId}\n`),
    ROTATE_CA_VAULT_SECRET_ID_FILE: write('vault/secret-id', `${vault.secretId}\n`),
    ROTATE_CA_VAULT_SIGN_ROLE: vault.signRole,
    ROTATE_CA_VAULT_MOUNT: vault.mount,
    ROTATE_CA_INVENTORY: inventoryFile,
    ROTATE_CA_SSH_CONFIG: sshConfig,
  };
  write('vault/root-token', `${vault.rootToken}\n`);
  write(
    'env.sh',
    `${Object.entries(env)
      .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
      .join('')}`,
  );
  const tokenClient = { tokenFile: at('token-client/token'), caFile: at('token-client/ca.crt') };
  return { folder, inventoryFile, kubeconfig, sshConfig, knownHosts, identityFile, vaultMount: vault.mount, adminKubeconfig: parts.adminKubeconfig.path, env, tokenClient };
}

/** Ansible's form, with the group names that Kubespray made usual. The key is named beside ssh_config: without an ssh program nobody reads that file. */
function inventoryText(nodes: readonly NodeSpec[], identityFile: string, sshConfig: string): string {
  const hosts = (role: NodeSpec['roles'][number]): object =>
    Object.fromEntries(nodes.filter((node) => node.roles.includes(role)).map((node) => [node.name, { ansible_host: node.address, ansible_port: node.sshPort }]));
  const vars = { ansible_user: sshUser, ansible_become: true, ansible_ssh_private_key_file: identityFile, ansible_ssh_common_args: `-F '${sshConfig}'` };
  return stringify({ all: { vars, children: { kube_control_plane: { hosts: hosts('control-plane') }, kube_node: { hosts: hosts('worker') } } } }, { lineWidth: 0 });
}
