/** The real lab as a world. */

import { join } from 'node:path';
import { labEnvironment } from '../../lab/access/environment.js';
import { type Lab, labPaths, loadBalancerPort, openLab, sshUser } from '../../lab/lab.js';
import { restoreSnapshot } from '../../lab/snapshot/restore.js';
import { Stages } from '../../lab/stages.js';
import { freshSnapshot } from '../../lab/tests/fresh-lab.js';
import { sealedVault, userWithoutSudo } from '../../lab/tests/trouble.js';
import { pkiMount } from '../../lab/vault/setup.js';
import { openWorld } from './open-world.js';
import type { World } from './world.js';

const restricted = 'fidelity';

export function openLabWorld(lab: Lab = openLab({ paths: labPaths() })): Promise<World> {
  return openWorld({
    name: 'lab',
    nodes: lab.nodes.map(({ name, role, ip, behind }) => ({ name, role, address: ip, ...(behind === undefined ? {} : { via: behind }) })),
    loadBalancer: { host: lab.layout.address, port: loadBalancerPort },
    idleImage: lab.layout.release.images.pause,
    env: { ...process.env, ...labEnvironment(lab) },
    vaultMount: pkiMount,
    speed: 1,
    sshPort: () => 22,
    sshUser,
    sshKeyFile: join(lab.paths.ssh, 'id_ed25519'),
    whileVaultIsSealed: (work) => sealedVault(lab).during(work),
    withoutSudo: (node, work) => userWithoutSudo(lab, node, restricted).during(() => work(restricted)),
    async startOver() {
      await restoreSnapshot(lab.paths, freshSnapshot, new Stages(() => undefined));
    },
    close: async () => undefined,
  });
}
