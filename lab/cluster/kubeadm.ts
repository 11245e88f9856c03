import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandResult } from '../command.js';
import type { Lab, LabNode } from '../lab.js';
import type { Layout } from '../layout.js';
import { nodeFolders } from '../node/boot.js';
import { copyAdminKubeconfig } from './admin-access.js';
import { kubeadmConfig, patchesFolder } from './kubeadm-config.js';

const minutes = 60_000;
// Its checks refuse this kernel's cgroups, missing module files and images by digest; what matters is checked by the lab.
const ignoreChecks = '--ignore-preflight-errors=all';

/** Older ones look for crictl before they ask what is to be ignored: of them the whole phase is left out. */
function withoutChecks({ release }: Layout): string {
  return release.kubeadmNeedsCrictl ? `${ignoreChecks} --skip-phases=preflight` : ignoreChecks;
}

function onNodeLogged(lab: Lab, node: LabNode, commandLine: string, input?: string): Promise<CommandResult> {
  return lab.onNode(node.name, commandLine, {
    timeoutMs: 6 * minutes,
    logFile: join(lab.paths.log, `${node.name}.kubeadm.log`),
    ...(input === undefined ? {} : { input }),
  });
}

function firstOf(lab: Lab): LabNode {
  const [first] = lab.controlPlanes;
  if (first === undefined) throw new Error('the lab has no control plane');
  return first;
}

/** Marks the node before and after, so that a killed run is found: half an init or join is never repaired, but done anew. */
async function marked(lab: Lab, node: LabNode, work: () => Promise<void>): Promise<void> {
  const { joining, joined } = nodeFolders(lab.paths, node.name);
  writeFileSync(joining, '');
  await work();
  writeFileSync(joined, '');
  rmSync(joining);
}

export function hasJoined(lab: Lab, node: LabNode): boolean {
  return existsSync(nodeFolders(lab.paths, node.name).joined);
}

export function wasInterrupted(lab: Lab, node: LabNode): boolean {
  return existsSync(nodeFolders(lab.paths, node.name).joining);
}

export async function initCluster(lab: Lab): Promise<void> {
  const node = firstOf(lab);
  await marked(lab, node, async () => {
    await onNodeLogged(lab, node, 'sudo tee /etc/kubernetes/kubeadm.yaml >/dev/null', kubeadmConfig(lab));
    await onNodeLogged(lab, node, `sudo kubeadm init --config /etc/kubernetes/kubeadm.yaml ${withoutChecks(lab.layout)}`);
    await copyAdminKubeconfig(lab);
  });
}

/** A fresh token, and for control planes the certificates under a fresh key. */
export interface JoinTicket {
  readonly command: string;
  readonly certificateKey?: string;
}

export async function issueTicket(lab: Lab, options: { controlPlane: boolean }): Promise<JoinTicket> {
  const first = firstOf(lab).name;
  const { stdout } = await lab.onNode(first, 'sudo kubeadm token create --ttl 1h --print-join-command');
  const command = stdout.trim();
  if (!options.controlPlane) return { command };
  const certificateKey = randomBytes(32).toString('hex');
  await lab.onNode(first, `sudo kubeadm init phase upload-certs --upload-certs --certificate-key ${certificateKey}`);
  return { command, certificateKey };
}

export async function joinNode(lab: Lab, node: LabNode, ticket: JoinTicket): Promise<void> {
  const asControlPlane =
    node.role === 'control-plane' ? ` --control-plane --certificate-key ${ticket.certificateKey} --apiserver-advertise-address ${node.ip} --patches ${patchesFolder}` : '';
  await marked(lab, node, async () => {
    await onNodeLogged(lab, node, `sudo ${ticket.command} --node-name ${node.name}${asControlPlane} ${withoutChecks(lab.layout)}`);
  });
}
