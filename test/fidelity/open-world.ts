/** A world on the production adapters, from what an operator has: environment, inventory, kubeconfig, SSH configuration. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';
import { openKube } from '../../src/adapters/kube/open-kube.js';
import { openShells } from '../../src/adapters/ssh/open-shells.js';
import { openTlsProbe } from '../../src/adapters/tls/tls-probe.js';
import { readHosts } from '../../src/app/read-inventory.js';
import type { Host } from '../../src/domain/cluster/inventory.js';
import type { KubeAccess } from '../../src/ports/kube.js';
import type { NodeShell, Shells } from '../../src/ports/node-shell.js';
import { callMs, type VaultAnswer, type World, type WorldNode } from './world.js';

export interface WorldParts {
  readonly name: World['name'];
  readonly nodes: readonly WorldNode[];
  readonly loadBalancer: { readonly host: string; readonly port: number };
  readonly idleImage: string;
  /** As `eval "$(... env)"` would set it in an operator's shell. */
  readonly env: NodeJS.ProcessEnv;
  readonly vaultMount: string;
  /** How many times as fast as a real cluster. */
  readonly speed: number;
  /** Of each node's sshd. */
  sshPort(node: string): number;
  readonly sshUser: string;
  readonly sshKeyFile: string;
  whileVaultIsSealed<T>(work: () => Promise<T>): Promise<T>;
  /** Gives the shell of a user without sudo; `shellAs` makes it from a user's name. */
  withoutSudo<T>(node: string, work: (user: string) => Promise<T>): Promise<T>;
  startOver(): Promise<void>;
  close(): Promise<void>;
}

/** Whatever a busy machine does to a fast clock: nothing is given up before this. */
const leastPatienceMs = 60_000;

export async function openWorld(parts: WorldParts): Promise<World> {
  const { env } = parts;
  const setting = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === '') throw new Error(`${parts.name}: ${name} is not set`);
    return value;
  };
  const inventory = setting('ROTATE_CA_INVENTORY');
  const hosts = readHosts(readFileSync(inventory, 'utf8'), inventory);
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-fidelity-'));
  const sshOptions = { env, log: () => undefined, ...(env.ROTATE_CA_SSH_CONFIG === undefined ? {} : { sshConfigFile: env.ROTATE_CA_SSH_CONFIG }) };
  const known = env.ROTATE_CA_KNOWN_HOSTS === undefined ? {} : { knownHostsFiles: [env.ROTATE_CA_KNOWN_HOSTS] };
  const shellsOf = (of: readonly Host[], more: { knownHostsFiles?: readonly string[] } = known): Shells => openShells({ hosts: of, ...sshOptions, ...more });
  const kubeconfig = setting('KUBECONFIG');
  const openAccess = (): Promise<KubeAccess> => openKube({ kubeconfig, env });

  let shells = shellsOf(hosts);
  let access = await openAccess();
  const speed = parts.speed;
  const hostOf = (node: string): Host => {
    const host = hosts.find(({ name }) => name === node);
    if (host === undefined) throw new Error(`no host "${node}"`);
    return host;
  };
  const readText = (name: string): string => readFileSync(setting(name), 'utf8').trim();

  return {
    name: parts.name,
    nodes: parts.nodes,
    loadBalancer: parts.loadBalancer,
    idleImage: parts.idleImage,
    adminKubeconfigFile: kubeconfig,
    shell: (node) => shells.to(node),
    get kube() {
      return access.kube();
    },
    tls: openTlsProbe(),
    vault: {
      mount: parts.vaultMount,
      roleId: readText('ROTATE_CA_VAULT_ROLE_ID_FILE'),
      secretId: readText('ROTATE_CA_VAULT_SECRET_ID_FILE'),
      call: (method, path, options = {}) => {
        // As vault's own client does: the method LIST is a GET with a parameter.
        const asked = method === 'LIST' ? { method: 'GET', path: `${path}?list=true` } : { method, path };
        return callVault(setting('VAULT_ADDR'), readFileSync(setting('VAULT_CACERT')), { ...asked, ...options });
      },
      whileSealed: parts.whileVaultIsSealed,
    },
    ssh: {
      user: parts.sshUser,
      env,
      port: parts.sshPort,
      connect: (node) => connectTo(nodeOf(parts.nodes, node).address, parts.sshPort(node), parts),
      shellBelieving(node, knownHosts) {
        const file = join(folder, `known-hosts-${node}`);
        writeFileSync(file, knownHosts);
        const own = shellsOf([hostOf(node)], { knownHostsFiles: [file] });
        return { shell: own.to(node), close: () => own.close() };
      },
      asUserWithoutSudo: <T>(node: string, work: (shell: NodeShell) => Promise<T>) =>
        parts.withoutSudo(node, async (user) => {
          const own = shellsOf([{ ...hostOf(node), sshUser: user }]);
          try {
            return await work(own.to(node));
          } finally {
            await own.close();
          }
        }),
    },
    patience: (realMs) => Math.max(realMs / speed, Math.min(realMs, leastPatienceMs)),
    pass: (realMs) => sleep(realMs / speed),
    async startOver() {
      await closeOwn();
      await parts.startOver();
      shells = shellsOf(hosts);
      access = await openAccess();
    },
    async close() {
      await closeOwn();
      rmSync(folder, { recursive: true, force: true });
      await parts.close();
    },
  };

  async function closeOwn(): Promise<void> {
    access.close();
    await shells.close();
  }
}

function nodeOf(nodes: readonly WorldNode[], name: string): WorldNode {
  const node = nodes.find((one) => one.name === name);
  if (node === undefined) throw new Error(`no node "${name}"`);
  return node;
}

function connectTo(host: string, port: number, parts: WorldParts): Promise<ssh2.Client> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on('error', reject);
    client.on('ready', () => {
      client.setNoDelay(true);
      resolve(client);
    });
    client.connect({ host, port, username: parts.sshUser, privateKey: readFileSync(parts.sshKeyFile), readyTimeout: callMs });
  });
}

function callVault(address: string, ca: Buffer, call: { method: string; path: string; token?: string; body?: unknown }): Promise<VaultAnswer> {
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
  return new Promise((resolve, reject) => {
    const headers = { ...(call.token === undefined ? {} : { 'X-Vault-Token': call.token }), ...(payload === undefined ? {} : { 'content-type': 'application/json' }) };
    const outgoing = request(`${address}/v1/${call.path}`, { method: call.method, ca, headers, timeout: callMs, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: incoming.statusCode ?? 0, body: text === '' ? {} : (JSON.parse(text) as VaultAnswer['body']) });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`Vault did not answer ${call.path}`)));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}
