/** Nodes with SSH servers on loopback, and the operator's files, for the tests of this folder. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openShells } from '../../adapters/ssh/open-shells.js';
import type { Shells } from '../../ports/node-shell.js';
import { createClock } from '../clock.js';
import { type Faults, noFaults } from '../faults.js';
import { createStagingNode } from '../node/create-node.js';
import { specOf } from '../node/node.test-support.js';
import type { StagingNode } from '../node/staging-node.js';
import type { NodeSpec } from '../spec.js';
import { makeSshKeyPair } from './keys.js';
import { knownHostsLine, sshConfigText } from './operator-files.js';
import { type SshServer, startSshServer } from './server.js';

export interface SshBench {
  readonly folder: string;
  readonly configFile: string;
  readonly faults: Faults;
  readonly servers: readonly SshServer[];
  node(name: string): StagingNode;
  /** The production adapter; ends with the bench. */
  shells(): Shells;
  close(): Promise<void>;
}

/** A block of addresses of its own, so that tests that run at the same time do not meet. */
export function randomBlock(): number {
  return 20 + Math.floor(Math.random() * 200);
}

export async function makeSshBench(nodes: readonly Partial<NodeSpec>[] = [{}]): Promise<SshBench> {
  const folder = mkdtempSync(join(tmpdir(), 'staging-ssh-'));
  const faults = noFaults();
  const clock = createClock(20);
  const block = randomBlock();
  const own = makeSshKeyPair('sre@staging');
  const started: { readonly spec: NodeSpec; readonly node: StagingNode; readonly server: SshServer; readonly line: string }[] = [];
  for (const [index, wanted] of nodes.entries()) {
    const spec = specOf({ name: `cp${index + 1}`, address: `127.${block}.${Math.floor(Math.random() * 250)}.${index + 1}`, ...wanted });
    const node = createStagingNode({ spec, folder: join(folder, spec.name), clock, faults });
    const host = makeSshKeyPair(`root@${spec.name}`);
    const server = await startSshServer({ node, listen: { address: spec.address, port: 0 }, hostKeys: [host.privateKey], authorizedKeys: [own.publicKey], faults, clock });
    started.push({ spec: { ...spec, sshPort: server.port }, node, server, line: knownHostsLine(spec.address, server.port, host.publicKey) });
  }
  const identityFile = join(folder, 'id_ed25519');
  const knownHostsFile = join(folder, 'known_hosts');
  const configFile = join(folder, 'ssh_config');
  writeFileSync(identityFile, own.privateKey, { mode: 0o600 });
  writeFileSync(knownHostsFile, started.map((one) => one.line).join(''));
  writeFileSync(configFile, sshConfigText({ nodes: started.map((one) => one.spec), user: 'sre', identityFile, knownHostsFile }));
  const opened: Shells[] = [];
  return {
    folder,
    configFile,
    faults,
    servers: started.map((one) => one.server),
    node(name) {
      const found = started.find((one) => one.spec.name === name);
      if (found === undefined) throw new Error(`no node ${name}`);
      return found.node;
    },
    shells() {
      const shells = openShells({
        hosts: started.map(({ spec }) => ({ name: spec.name, sshHost: spec.name, become: true })),
        sshConfigFile: configFile,
        env: { PATH: process.env.PATH, HOME: folder },
        log: () => undefined,
      });
      opened.push(shells);
      return shells;
    },
    async close() {
      await Promise.all(opened.map((shells) => shells.close()));
      await Promise.all(started.map(({ server }) => server.close()));
      await Promise.all(started.map(({ node }) => node.close()));
      clock.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
