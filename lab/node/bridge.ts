import { runCommand, succeeds } from '../command.js';
import { bridgeAddress, bridgeName, type Lab } from '../lab.js';

/** The bridge on which the nodes, the load balancer and Vault meet, with a route to each node's pods. */
export async function bringUpBridge(lab: Lab): Promise<void> {
  if (!(await succeeds('ip', ['link', 'show', bridgeName]))) {
    await runCommand('ip', ['link', 'add', bridgeName, 'type', 'bridge']);
  }
  await runCommand('ip', ['addr', 'replace', `${bridgeAddress}/24`, 'dev', bridgeName]);
  await runCommand('ip', ['link', 'set', bridgeName, 'up']);
  for (const node of lab.nodes) {
    await runCommand('ip', ['route', 'replace', node.podSubnet, 'via', node.ip, 'dev', bridgeName, 'onlink']);
  }
}

/** A killed node's port outlives it by a moment, and the next boot needs the name. */
export async function removeNodePort(node: string): Promise<void> {
  await runCommand('ip', ['link', 'delete', `vb-${node}`], { allowFailure: true });
}

/** Takes the bridge away, and with it its address and routes. */
export async function removeBridge(): Promise<boolean> {
  if (!(await succeeds('ip', ['link', 'show', bridgeName]))) return false;
  await runCommand('ip', ['link', 'delete', bridgeName]);
  return true;
}
