import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandOptions, type CommandResult, runCommand } from './command.js';
import { inSubnet, type Layout, type LayoutName, layouts } from './layout.js';

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

/**
 * Where everything lies. All of it is below `root`, nothing of the lab is anywhere else on the disk; but that what takes long
 * to build is built once, for the labs of all layouts, below the root of the first.
 */
export interface LabPaths {
  readonly layout: Layout;
  readonly root: string;
  /** Of the labs of all layouts. */
  readonly builtRoot: string;
  /** Go binaries that do not depend on the release: Vault, CoreDNS, workloads. */
  readonly bin: string;
  /** Those of the layout's release: Kubernetes, kubectl among them, and etcd. */
  readonly releaseBin: string;
  /** The nodes' shared root file system: Debian, and what every layout needs. */
  readonly rootfs: string;
  /** The trees that a node's root is laid over, the uppermost first. */
  readonly rootfsLayers: readonly string[];
  /** Container images as docker archives: each `*.tar` is imported into every node, unless the release has one of the same name. */
  readonly images: string;
  /** Images of the layout's release. */
  readonly releaseImages: string;
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
  readonly layout: Layout;
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

export const loadBalancerPort = 6443;
export const vaultPort = 8200;
export const maxWorkers = 9;
export const sshUser = 'sre';

export function defaultShape({ nodes: [controlPlanes, workers] }: Layout): ClusterShape {
  return { controlPlanes, workers, encryptionAlgorithm: 'RSA-2048' };
}

/** The lab of the other layouts lies beside that of kubeadm: `down` of one leaves the other alone. */
export function labPaths(layout: LayoutName = 'kubeadm', builtRoot = process.env.ROTATE_CA_LAB ?? '/var/lib/rotate-ca-lab'): LabPaths {
  const root = layout === 'kubeadm' ? builtRoot : `${builtRoot}-${layout}`;
  const at = (...parts: string[]): string => join(root, ...parts);
  const { madeBy, release } = layouts[layout];
  // What only one lab stands on lies in its own folder, where `down --all` finds it.
  const releaseRoot = release.built === 'shared' ? builtRoot : root;
  const hasLayer = madeBy === 'hand' || release.built === 'apart';
  return {
    layout: layouts[layout],
    root,
    builtRoot,
    bin: join(builtRoot, 'bin'),
    releaseBin: join(releaseRoot, 'bin'),
    rootfs: join(builtRoot, 'rootfs'),
    rootfsLayers: [...(hasLayer ? [at('rootfs-layer')] : []), join(builtRoot, 'rootfs')],
    images: join(builtRoot, 'images'),
    releaseImages: join(releaseRoot, 'images'),
    containerdTemplate: join(releaseRoot, 'containerd-template'),
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

function labNode(layout: Layout, role: NodeRole, number: number): LabNode {
  const last = (role === 'control-plane' ? 10 : 20) + number;
  const prefix = role === 'control-plane' ? layout.nodePrefix.controlPlane : layout.nodePrefix.worker;
  return { name: `${prefix}${number}`, ip: inSubnet(layout, last), role, podSubnet: `${layout.podNetwork.split('.').slice(0, 2).join('.')}.${last}.0/24` };
}

export function controlPlaneNode(layout: Layout, number: number): LabNode {
  return labNode(layout, 'control-plane', number);
}

export function workerNode(layout: Layout, number: number): LabNode {
  const node = labNode(layout, 'worker', number);
  return number === 2 ? { ...node, behind: workerNode(layout, 1).name } : node;
}

/** Every node that there can be, whether or not this lab has it. */
export function possibleNodes(layout: Layout): LabNode[] {
  return [...[1, 2, 3].map((number) => controlPlaneNode(layout, number)), ...Array.from({ length: maxWorkers }, (_, index) => workerNode(layout, index + 1))];
}

/** Host and port behind which all API servers are. */
export function apiEndpoint(layout: Layout): string {
  return `${layout.address}:${loadBalancerPort}`;
}

export function vaultAddress(layout: Layout): string {
  return `https://${layout.address}:${vaultPort}`;
}

/** The shape of the cluster that is there, or undefined when none was made yet. */
export function readShape(paths: LabPaths): ClusterShape | undefined {
  if (!existsSync(paths.clusterFile)) return undefined;
  return JSON.parse(readFileSync(paths.clusterFile, 'utf8')) as ClusterShape;
}

/** Whether there are nodes, running or not. */
export function hasNodes(paths: LabPaths): boolean {
  return existsSync(paths.nodes) && readdirSync(paths.nodes).length > 0;
}

/** The lab as its files describe it now. Open it anew after `join` or `restore`. */
export function openLab(options: { paths?: LabPaths; shape?: ClusterShape } = {}): Lab {
  const paths = options.paths ?? labPaths();
  const shape = options.shape ?? readShape(paths) ?? defaultShape(paths.layout);
  const controlPlanes = Array.from({ length: shape.controlPlanes }, (_, index) => controlPlaneNode(paths.layout, index + 1));
  const workers = Array.from({ length: shape.workers }, (_, index) => workerNode(paths.layout, index + 1));
  return {
    layout: paths.layout,
    paths,
    shape,
    nodes: [...controlPlanes, ...workers],
    controlPlanes,
    workers,
    onNode: (node, commandLine, commandOptions) => runCommand('ssh', ['-F', paths.sshConfig, node, '--', commandLine], commandOptions),
    kubectl: (args, commandOptions) => runCommand(join(paths.releaseBin, 'kubectl'), ['--kubeconfig', paths.adminKubeconfig, ...args], commandOptions),
  };
}
