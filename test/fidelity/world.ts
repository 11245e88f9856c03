/** What a behaviour asks of a world, be it the real lab or a staging cluster: both are reached through the production adapters. */

import type { Client } from 'ssh2';
import type { Kube } from '../../src/ports/kube.js';
import type { NodeShell } from '../../src/ports/node-shell.js';
import type { TlsProbe } from '../../src/ports/tls-probe.js';

export interface WorldNode {
  readonly name: string;
  readonly role: 'control-plane' | 'worker';
  /** API server, kubelet and etcd listen there. */
  readonly address: string;
  /** The node through which it is reached by SSH. */
  readonly via?: string;
}

export interface VaultAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface WorldVault {
  readonly mount: string;
  readonly roleId: string;
  readonly secretId: string;
  /** One request of the HTTP API, verified against the CA of VAULT_CACERT. */
  call(method: 'GET' | 'POST' | 'LIST' | 'DELETE', path: string, options?: { readonly token?: string; readonly body?: unknown }): Promise<VaultAnswer>;
  /** Sealed while the work is done, open again afterwards. */
  whileSealed<T>(work: () => Promise<T>): Promise<T>;
}

export interface WorldSsh {
  /** The operator's user. */
  readonly user: string;
  /** What an operator's shell has: SSH_AUTH_SOCK and the like. */
  readonly env: NodeJS.ProcessEnv;
  /** A connection of its own, without a pool or a queue in front of it. Not for nodes behind another. */
  connect(node: string): Promise<Client>;
  /** Port of sshd on the node's address. */
  port(node: string): number;
  /** The shell of a node, with other host keys believed than those that are true. */
  shellBelieving(node: string, knownHosts: string): { readonly shell: NodeShell; close(): Promise<void> };
  /** The shell of a user on the node who may not use sudo without a password. */
  asUserWithoutSudo<T>(node: string, work: (shell: NodeShell) => Promise<T>): Promise<T>;
}

export interface World {
  readonly name: 'lab' | 'staging';
  readonly nodes: readonly WorldNode[];
  readonly loadBalancer: { readonly host: string; readonly port: number };
  /** On every node of a kubeadm cluster: it is what sandboxes run. */
  readonly idleImage: string;
  /** Of the administrator; behaviours read the CAs of the cluster from nodes instead. */
  readonly adminKubeconfigFile: string;
  shell(node: string): NodeShell;
  /** As administrator, through the load balancer. */
  readonly kube: Kube;
  readonly tls: TlsProbe;
  readonly vault: WorldVault;
  readonly ssh: WorldSsh;
  /** Wall-clock time to give to something that takes this long at most in a real cluster. */
  patience(realMs: number): number;
  /** Lets this much time of a real cluster pass. */
  pass(realMs: number): Promise<void>;
  /** Puts everything back to how it was before the table began: after a behaviour that could not do so itself. */
  startOver(): Promise<void>;
  close(): Promise<void>;
}

/** Throws for a world that is too small. */
export function controlPlane(world: World, index: 0 | 1 | 2 = 0): WorldNode {
  const node = world.nodes.filter(({ role }) => role === 'control-plane')[index];
  if (node === undefined) throw new Error(`${world.name} has no control plane number ${index + 1}`);
  return node;
}

export function controlPlanes(world: World): readonly WorldNode[] {
  return world.nodes.filter(({ role }) => role === 'control-plane');
}

export function worker(world: World): WorldNode {
  const node = world.nodes.find(({ role }) => role === 'worker');
  if (node === undefined) throw new Error(`${world.name} has no worker`);
  return node;
}

export function nodeNamed(world: World, name: string): WorldNode {
  const node = world.nodes.find((one) => one.name === name);
  if (node === undefined) throw new Error(`${world.name} has no node "${name}"`);
  return node;
}

/** How long a single request or script may take, in both worlds. */
export const callMs = 20_000;
