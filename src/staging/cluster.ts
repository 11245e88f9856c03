/** A whole staging cluster in this process: nodes with SSH, control plane, kubelets, workloads, load balancer, Vault, and what its operator needs. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { type Activity, countActivity } from './activity.js';
import { createClock } from './clock.js';
import type { Components, StagingContext } from './component.js';
import { startApiServer } from './api/start-api-server.js';
import { createStore } from './api/memory-store.js';
import { startControllerManager } from './controllers/controller-manager.js';
import { startScheduler } from './controllers/scheduler.js';
import { startEtcd } from './etcd/start-etcd.js';
import { noFaults } from './faults.js';
import type { Kubelet } from './kubelet/kubelet.js';
import { layoutOf } from './layout.js';
import { startLoadBalancer } from './load-balancer.js';
import { joinNewNode } from './joined-node.js';
import { openLog } from './log-file.js';
import { createStagingNode } from './node/create-node.js';
import type { StagingNode } from './node/staging-node.js';
import { whyNoScripts } from './node/tools.js';
import { type OperatorFiles, sshUser, writeOperatorFiles } from './operator-files.js';
import { controlPlanes } from './pki/component-flags.js';
import { writeNodeFiles } from './pki/node-files.js';
import { startProxy } from './proxy/start-proxy.js';
import { waitUntilBack, waitUntilReady } from './readiness.js';
import { seedWith } from './seed.js';
import { loadSnapshot, saveSnapshot } from './snapshot.js';
import type { ClusterSpec, NodeSpec } from './spec.js';
import { makeSshKeyPair } from './ssh/keys.js';
import { startSshServer } from './ssh/server.js';
import { keepTokenClient } from './token-client.js';
import { type StagingVault, startVault } from './vault/server.js';

export interface StartStaging {
  readonly spec: ClusterSpec;
  /** A folder of this cluster alone; it is left behind. */
  readonly folder: string;
  /** How many times as fast as in a real cluster waits pass. */
  readonly speed: number;
  /** Lines for whoever looks for trouble inside; without, they go to staging.log in the folder. */
  readonly log?: (line: string) => void;
}

export interface StagingCluster {
  readonly spec: ClusterSpec;
  readonly operator: OperatorFiles;
  readonly context: StagingContext;
  readonly kubelets: readonly Kubelet[];
  readonly vault: StagingVault;
  activity(): Activity;
  /** What is not as it should be after the start, in words; empty for a healthy cluster. */
  readonly notReady: readonly string[];
  /** Nodes, objects and Vault into a folder, which is made. */
  save(folder: string): Promise<void>;
  /** All nodes lose their power, get their files of then, and boot. Resolves when the cluster is ready again, or after a minute with what is missing. */
  load(folder: string): Promise<string[]>;
  /** A new worker, until `leave`. */
  join(name: string): Promise<void>;
  leave(name: string): Promise<void>;
  /** Resolves when every kubelet and every leader has been heard of again, or after a minute with what is missing. */
  settle(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Kubelets that start at the same moment: each makes handshakes with the API server. */
const startsAtOnce = 16;

const components: Components = new Map([
  ['kube-apiserver', startApiServer],
  ['etcd', startEtcd],
  ['kube-controller-manager', startControllerManager],
  ['kube-scheduler', startScheduler],
  ['kube-proxy', startProxy],
]);

/** Resolves when it is ready, or after a minute as far as it came (`notReady`). Throws what cannot be made: a port that is taken, a disk that is full. */
export async function startStaging({ spec, folder, speed, log }: StartStaging): Promise<StagingCluster> {
  const why = whyNoScripts();
  if (why !== undefined) throw new Error(`no staging cluster can run here: ${why}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const clock = createClock(speed);
  const faults = noFaults();
  const ends: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
    clock.stop();
  };
  try {
    const nowMs = clock.now();
    const nodes = new Map<string, StagingNode>();
    const joined = new Map<string, { readonly spec: NodeSpec; leave(): Promise<void> }>();
    const logFile = openLog(join(folder, 'staging.log'));
    ends.push(() => logFile.close());
    const context: StagingContext = {
      spec,
      clock,
      store: createStore(),
      faults,
      node: (name) => nodes.get(name) ?? missing(name),
      nodes: () => [...nodes.values()],
      specOf: (name) => spec.nodes.find((node) => node.name === name) ?? joined.get(name)?.spec ?? missing(name),
      log: log ?? logFile.line,
    };
    for (const node of spec.nodes) {
      const made = createStagingNode({ spec: node, folder: join(folder, 'nodes', node.name), clock, faults });
      nodes.set(node.name, made);
      ends.push(() => made.close());
    }
    const layout = layoutOf(spec);
    const counted = countActivity(context);
    const vault = await startVault({ ...spec.vault, clock, onCall: counted.vaultCall, ...layout.vault });
    ends.push(() => vault.close());
    const made = await layout.make(spec, nowMs, vault.write);
    const limit = pLimit(8);
    await Promise.all(spec.nodes.map((node) => limit(async () => writeNodeFiles(context.node(node.name), await made.files(node)))));
    seedWith(context.store, spec, made.objects);
    counted.begin();

    const userKey = makeSshKeyPair(`${sshUser}@staging`);
    const hostKeys = new Map(spec.nodes.map((node) => [node.name, makeSshKeyPair(`root@${node.name}`)]));
    await Promise.all(
      spec.nodes.map(async (one) => {
        const listen = { address: one.address, port: one.sshPort };
        const hostKey = hostKeys.get(one.name)?.privateKey ?? '';
        const server = await startSshServer({
          node: context.node(one.name),
          listen,
          hostKeys: [hostKey],
          authorizedKeys: [userKey.publicKey],
          users: [sshUser],
          faults,
          clock,
          onCommand: (line) => counted.command(one.name, line),
        });
        ends.push(() => server.close());
      }),
    );
    const balancer = await startLoadBalancer({ context });
    ends.push(() => balancer.close());
    const kubelets = spec.nodes.map((node) => layout.node({ context, node: context.node(node.name), components }));
    ends.push(async () => void (await Promise.all(kubelets.map((kubelet) => kubelet.close()))));
    await startAll(spec, kubelets);
    const notReady = await waitUntilReady(context);
    const admin = context.node(controlPlanes(spec)[0]?.name ?? '').read(layout.adminKubeconfig);
    const operator = writeOperatorFiles({
      spec,
      folder: join(folder, 'operator'),
      adminKubeconfig: { path: layout.adminKubeconfig, text: admin?.bytes.toString('utf8') ?? '' },
      userKey,
      hostKeys,
      vault: { ...vault, signRole: layout.signRole, mount: layout.mount },
    });
    ends.push(keepTokenClient(context, operator.tokenClient));
    const parts = { context, vault, balancer };
    const leave = async (name: string): Promise<void> => {
      const left = joined.get(name);
      joined.delete(name);
      await left?.leave();
      if (left !== undefined) nodes.delete(name);
    };
    return {
      spec,
      operator,
      context,
      kubelets,
      vault,
      activity: () => counted.read(kubelets.map((kubelet, index) => ({ name: spec.nodes[index]?.name ?? '', kubelet }))),
      notReady,
      save: (into) => saveSnapshot(parts, into),
      async load(from) {
        for (const name of [...joined.keys()]) await leave(name);
        return loadSnapshot(parts, from);
      },
      async join(name) {
        const made = await joinNewNode({
          context,
          components,
          folder: join(folder, 'nodes'),
          name,
          known(node, its) {
            nodes.set(name, node);
            joined.set(name, { spec: its, leave: async () => undefined });
          },
        });
        joined.set(name, made);
      },
      leave,
      settle: () => waitUntilBack(parts, clock.now()),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Control planes first: without an API server the other kubelets would only back off. */
async function startAll(spec: ClusterSpec, kubelets: readonly Kubelet[]): Promise<void> {
  const limit = pLimit(startsAtOnce);
  const of = (isControlPlane: boolean): Promise<unknown> =>
    Promise.all(kubelets.map((kubelet, index) => (spec.nodes[index]?.roles.includes('control-plane') === isControlPlane ? limit(() => kubelet.start()) : undefined)));
  await of(true);
  await of(false);
}

function missing(name: string): never {
  throw new Error(`the staging cluster has no node "${name}"`);
}
