import { runCommand, succeeds } from '../command.js';
import type { Lab } from '../lab.js';
import type { Layout } from '../layout.js';

/** The bridge on which the nodes, the load balancer and Vault meet, with a route to each node's pods. */
export async function bringUpBridge(lab: Lab): Promise<void> {
  const { bridge, address } = lab.layout;
  if (!(await succeeds('ip', ['link', 'show', bridge]))) {
    await runCommand('ip', ['link', 'add', bridge, 'type', 'bridge']);
  }
  await runCommand('ip', ['addr', 'replace', `${address}/24`, 'dev', bridge]);
  await runCommand('ip', ['link', 'set', bridge, 'up']);
  for (const node of lab.nodes) {
    await runCommand('ip', ['route', 'replace', node.podSubnet, 'via', node.ip, 'dev', bridge, 'onlink']);
  }
}

/** A killed node's port outlives it by a moment, and the next boot needs the name. */
export async function removeNodePort(node: string): Promise<void> {
  await runCommand('ip', ['link', 'delete', `vb-${node}`], { allowFailure: true });
}

/** Takes the bridge away, and with it its address and routes. */
export async function removeBridge({ bridge }: Layout): Promise<boolean> {
  if (!(await succeeds('ip', ['link', 'show', bridge]))) return false;
  await runCommand('ip', ['link', 'delete', bridge]);
  return true;
}
