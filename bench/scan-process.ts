/** Scans of one staging cluster, from its start to their end, in a process of its own. Argument: topology. Prints JSON. */

import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';

export interface ScanFigures {
  readonly nodes: number;
  /** A full scan: all nodes, the API, every listener. */
  readonly scanMs: number;
  readonly unseen: readonly string[];
  readonly engineMb: number;
  /** The same script over ssh, one node after the other, of the first so many nodes. */
  readonly sshMs: number;
  readonly sshNodes: number;
}

const load = async <T>(path: string): Promise<T> => (await import(new URL(`../dist/${path}`, import.meta.url).href)) as T;
const { startStagingProcess } = await load<typeof import('../src/app/rehearse-process.js')>('app/rehearse-process.js');
const { scanNow } = await load<typeof import('../src/app/scan.js')>('app/scan.js');
const { rehearsalEnv, rehearsalSettings } = await load<typeof import('../src/app/rehearse-settings.js')>('app/rehearse-settings.js');
const { fullScript } = await load<typeof import('../src/scan/files/full-script.js')>('scan/files/full-script.js');
const { specSomewhere } = await load<typeof import('../src/staging/topology.js')>('staging/topology.js');

const mostSshNodes = 20;
setMaxListeners(0);
const [topology = 'small'] = process.argv.slice(2);
const controller = new AbortController();
process.on('SIGTERM', () => controller.abort());
const spec = await specSomewhere(topology, { uid: randomUUID(), nowMs: Date.now() });
const staging = await startStagingProcess({ spec, speed: 20, signal: controller.signal });
try {
  const { operator } = staging.started;
  const { inventoryFile, kubeconfig, context, sshConfig, knownHosts } = await rehearsalSettings(operator);
  const env = rehearsalEnv(operator, process.env);
  const started = performance.now();
  const inventory = await scanNow({
    inventoryFile,
    kubeconfig,
    context,
    ...(sshConfig === undefined ? {} : { sshConfig }),
    ...(knownHosts === undefined ? {} : { knownHosts }),
    env,
    signal: controller.signal,
  });
  const scanMs = performance.now() - started;
  const hosts = inventory.nodes.slice(0, mostSshNodes).map(({ name }) => name);
  const sshStarted = performance.now();
  for (const host of hosts) {
    const { status, stderr } = spawnSync('ssh', ['-F', sshConfig ?? '', host, 'sudo', 'sh', '-s'], {
      input: fullScript,
      env: { ...process.env, ...env },
      encoding: 'utf8',
      maxBuffer: 64 * 2 ** 20,
    });
    if (status !== 0) throw new Error(`ssh ${host}: ${stderr}`);
  }
  const figures: ScanFigures = {
    nodes: inventory.nodes.length,
    scanMs,
    unseen: (inventory.unseen ?? []).map(({ place, why }) => `${place}: ${why}`),
    engineMb: process.resourceUsage().maxRSS / 1024,
    sshMs: performance.now() - sshStarted,
    sshNodes: hosts.length,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
} finally {
  await staging.stop();
}
process.exit(0);
