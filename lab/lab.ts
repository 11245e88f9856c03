import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandOptions, type CommandResult, runCommand } from './command.js';

export type NodeRole = 'control-plane' | 'worker';

/** One machine of the lab. */
export interface LabNode {
  readonly name: string;
  readonly ip: string;
  readonly role: NodeRole;
  /** Pods of this node get their addresses from here. */
  readonly podSubnet: string;
  /** Reached over SSH only through this node. */
  readonly behind?: string;
}

/** What was asked for when the cluster was made, and the workers that joined since. Kept in cluster.json. */
export interface ClusterShape {
  readonly controlPlanes: number;
  readonly workers: number;
  readonly encryptionAlgorithm: string;
}

/** Where everything lies. All of it is below `root`, nothing of the lab is anywhere else on the disk. */
export interface LabPaths {
  readonly root: string;
  /** Go binaries, kubectl among them. */
  readonly bin: string;
  /** The nodes' shared root file system. */
  readonly rootfs: string;
  /** Container images as docker archives: each `*.tar` is imported into every node. */
  readonly images: string;
  /** A containerd folder with all images imported, copied to each new node. */
  readonly containerdTemplate: string;
  readonly nodes: string;
  readonly ssh: string;
  readonly sshConfig: string;
  readonly agentSocket: string;
  readonly inventory: string;
  readonly adminKubeconfig: string;
  readonly people: string;
  readonly vault: string;
  readonly workloads: string;
  readonly log: string;
  /** Records of the processes that the lab started. */
  readonly processes: string;
  readonly snapshots: string;
  readonly clusterFile: string;
}

export interface Lab {
  readonly paths: LabPaths;
  readonly shape: ClusterShape;
  readonly nodes: readonly LabNode[];
  readonly controlPlanes: readonly LabNode[];
  readonly workers: readonly LabNode[];
  /** Runs a command line in the node's shell, as user `sre`, over the real SSH. */
  onNode(node: string, commandLine: string, options?: CommandOptions): Promise<CommandResult>;
  /** Runs kubectl as cluster administrator, through the load balancer. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

export const bridgeName = 'br-rclab';
export const bridgeAddress = '10.77.0.1';
export const loadBalancerPort = 6443;
export const vaultAddress = `https://${bridgeAddress}:8200`;
export const kubernetesVersion = 'v1.34.4';
export const podNetwork = '10.88.0.0/16';
export const serviceNetwork = '10.96.0.0/12';
export const maxWorkers = 9;
export const sshUser = 'sre';

export const defaultShape: ClusterShape = { controlPlanes: 3, workers: 2, encryptionAlgorithm: 'RSA-2048' };

export function labPaths(root = process.env.ROTATE_CA_LAB ?? '/var/lib/rotate-ca-lab'): LabPaths {
  const at = (...parts: string[]): string => join(root, ...parts);
  return {
    root,
    bin: at('bin'),
    rootfs: at('rootfs'),
    images: at('images'),
    containerdTemplate: at('containerd-template'),
    nodes: at('nodes'),
    ssh: at('ssh'),
    sshConfig: at('ssh', 'config'),
    agentSocket: at('ssh', 'agent.sock'),
    inventory: at('inventory.yaml'),
    adminKubeconfig: at('admin.kubeconfig'),
    people: at('people'),
    vault: at('vault'),
    workloads: at('workloads'),
    log: at('log'),
    processes: at('processes'),
    snapshots: at('snapshots'),
    clusterFile: at('cluster.json'),
  };
}

export function controlPlaneNode(number: number): LabNode {
  return { name: `cp${number}`, ip: `10.77.0.${10 + number}`, role: 'control-plane', podSubnet: `10.88.${10 + number}.0/24` };
}

export function workerNode(number: number): LabNode {
  const node: LabNode = { name: `w${number}`, ip: `10.77.0.${20 + number}`, role: 'worker', podSubnet: `10.88.${20 + number}.0/24` };
  return number === 2 ? { ...node, behind: 'w1' } : node;
}

/** The shape of the cluster that is there, or undefined when none was made yet. */
export function readShape(paths: LabPaths): ClusterShape | undefined {
  if (!existsSync(paths.clusterFile)) return undefined;
  return JSON.parse(readFileSync(paths.clusterFile, 'utf8')) as ClusterShape;
}

/** The lab as its files describe it now. Open it anew after `join` or `restore`. */
export function openLab(options: { paths?: LabPaths; shape?: ClusterShape } = {}): Lab {
  const paths = options.paths ?? labPaths();
  const shape = options.shape ?? readShape(paths) ?? defaultShape;
  const controlPlanes = Array.from({ length: shape.controlPlanes }, (_, index) => controlPlaneNode(index + 1));
  const workers = Array.from({ length: shape.workers }, (_, index) => workerNode(index + 1));
  return {
    paths,
    shape,
    nodes: [...controlPlanes, ...workers],
    controlPlanes,
    workers,
    onNode: (node, commandLine, commandOptions) => runCommand('ssh', ['-F', paths.sshConfig, node, '--', commandLine], commandOptions),
    kubectl: (args, commandOptions) => runCommand(join(paths.bin, 'kubectl'), ['--kubeconfig', paths.adminKubeconfig, ...args], commandOptions),
  };
}
