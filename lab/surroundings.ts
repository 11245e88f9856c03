import { writeInventory } from './access/inventory.js';
import { startSshAgent, writeSshFiles } from './access/ssh.js';
import { startLoadBalancer } from './cluster/load-balancer.js';
import { setUpHardWayVault } from './hard-way/vault-setup.js';
import type { Lab } from './lab.js';
import { raiseWatcherLimit } from './machine/kernel-limits.js';
import { bringUpBridge } from './node/bridge.js';
import type { Stages } from './stages.js';
import { startVault } from './vault/server.js';
import { setUpVault } from './vault/setup.js';

/** The processes and files around the nodes. */
export async function bringUpSurroundings(lab: Lab, stages: Stages): Promise<void> {
  await stages.run('kernel limits', async () => raiseWatcherLimit());
  await stages.run('SSH keys and agent', async () => {
    await writeSshFiles(lab);
    writeInventory(lab);
    return startSshAgent(lab.paths);
  });
  await stages.run('bridge and load balancer', async () => {
    await bringUpBridge(lab);
    return startLoadBalancer(lab);
  });
  await stages.run('Vault', async () => {
    const started = await startVault(lab.paths);
    const setUp = lab.layout.madeBy === 'hand' ? setUpHardWayVault(lab) : setUpVault(lab.paths);
    return (await setUp) || started;
  });
}
