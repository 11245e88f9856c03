import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { apiEndpoint, type Lab, vaultAddress } from './lab.js';
import { apiAnswers } from './cluster/admin-access.js';
import { hasJoined } from './cluster/kubeadm.js';
import { unreadyNodes, unreadyPods } from './cluster/readiness.js';
import { daemonName, isBooted } from './node/boot.js';
import type { LayoutName } from './layout.js';
import { runningPid } from './processes.js';
import { snapshotNames } from './snapshot/snapshot.js';
import { callVault } from './vault/api.js';

export interface LabStatus {
  readonly layout: LayoutName;
  readonly root: string;
  readonly apiEndpoint: string;
  readonly vaultAddress: string;
  readonly nodes: readonly { readonly name: string; readonly ip: string; readonly role: string; readonly state: string; readonly pid?: number }[];
  readonly loadBalancer: string;
  readonly vault: string;
  readonly agent: string;
  readonly api: string;
  readonly unreadyPods: readonly string[];
  readonly snapshots: readonly string[];
  readonly healthy: boolean;
}

function daemonState(lab: Lab, name: string): string {
  const pid = runningPid(lab.paths, name);
  return pid === undefined ? 'not running' : `running (process ${pid})`;
}

async function vaultState(lab: Lab): Promise<string> {
  if (runningPid(lab.paths, 'vault') === undefined) return 'not running';
  const answer = await callVault(lab.paths, { method: 'GET', path: 'sys/health?sealedcode=200' }).catch(() => undefined);
  return answer === undefined ? 'no answer' : answer.body.sealed === true ? 'sealed' : 'unsealed';
}

/** What runs and what does not. Changes nothing. */
export async function labStatus(lab: Lab): Promise<LabStatus> {
  const answers = await apiAnswers(lab);
  const unready = new Set(answers ? await unreadyNodes(lab) : lab.nodes.map((node) => node.name));
  const pods = answers ? await unreadyPods(lab) : [];
  const nodes = lab.nodes.map((node) => {
    const pid = runningPid(lab.paths, daemonName(node.name));
    const joined = hasJoined(lab, node) ? (unready.has(node.name) ? 'NotReady' : 'Ready') : 'not joined';
    const state = isBooted(lab.paths, node.name) ? joined : 'off';
    return { name: node.name, ip: node.ip, role: node.role, state, ...(pid === undefined ? {} : { pid }) };
  });
  const vault = await vaultState(lab);
  const loadBalancer = daemonState(lab, 'haproxy');
  return {
    layout: lab.layout.name,
    root: lab.paths.root,
    apiEndpoint: apiEndpoint(lab.layout),
    vaultAddress: vaultAddress(lab.layout),
    nodes,
    loadBalancer,
    vault,
    agent: daemonState(lab, 'ssh-agent'),
    api: answers ? 'ready' : 'no answer',
    unreadyPods: pods,
    snapshots: snapshotNames(lab.paths),
    healthy: answers && pods.length === 0 && vault === 'unsealed' && nodes.every((node) => node.state === 'Ready'),
  };
}

export function renderStatus(status: LabStatus): string {
  const rows = status.nodes.map(({ name, ip, role, state }) => `  ${name.padEnd(10)}${ip.padEnd(13)}${role.padEnd(15)}${state}`);
  return [
    `lab in ${status.root}, layout ${status.layout}`,
    ...rows,
    `  API at https://${status.apiEndpoint}: ${status.api}; load balancer ${status.loadBalancer}`,
    `  Vault at ${status.vaultAddress}: ${status.vault}`,
    `  ssh-agent ${status.agent}`,
    `  pods not ready: ${status.unreadyPods.join(', ') || 'none'}`,
    `  snapshots: ${status.snapshots.join(', ') || 'none'}`,
  ].join('\n');
}

/** The end of each of the lab's own log files. */
export function lastLines(lab: Lab, files: readonly string[], count = 10): string {
  return files
    .map((file) => {
      const lines = readFileSync(join(lab.paths.log, file), 'utf8').trimEnd().split('\n');
      return `==> ${join(lab.paths.log, file)}\n${lines.slice(-count).join('\n')}\n`;
    })
    .join('\n');
}
