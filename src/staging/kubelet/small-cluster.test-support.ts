/** A staging cluster of real parts on loopback for the tests of kubelets and controllers: nodes, etcd, API servers, kubelets, and something in front. */

import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Ca, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { freeBlock, portsOf } from '../addresses.js';
import { createStore } from '../api/memory-store.js';
import { startApiServer } from '../api/start-api-server.js';
import type { Store, StoredObject } from '../api/store.js';
import { createClient } from '../client/create-client.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import type { StagingClient } from '../client/staging-client.js';
import { createClock } from '../clock.js';
import type { Components, StagingContext } from '../component.js';
import { startControllerManager } from '../controllers/controller-manager.js';
import { kubeCalls, type KubeCalls } from '../controllers/kube-calls.js';
import { startScheduler } from '../controllers/scheduler.js';
import { startEtcd } from '../etcd/start-etcd.js';
import { noFaults } from '../faults.js';
import { createStagingNode } from '../node/create-node.js';
import type { StagingNode } from '../node/staging-node.js';
import { type Authorities, makeAuthorities } from '../pki/authorities.js';
import { controlPlanes } from '../pki/component-flags.js';
import { nodeFiles, writeNodeFiles } from '../pki/node-files.js';
import { seed } from '../seed.js';
import type { ClusterSpec } from '../spec.js';
import { specOfTopology } from '../topology.js';
import { createKubelet, type Kubelet } from './kubelet.js';

export interface SmallCluster {
  readonly context: StagingContext;
  readonly spec: ClusterSpec;
  readonly store: Store;
  readonly authorities: Authorities;
  node(name: string): StagingNode;
  kubelet(name: string): Kubelet;
  /** With admin.conf, through the load balancer. */
  readonly admin: StagingClient;
  readonly kube: KubeCalls;
  /** As root on a node. */
  run(node: string, script: string): Promise<string>;
  object(kind: string, namespace: string, name: string): StoredObject | undefined;
  /** Lines of the log of the container of a static pod. */
  logOf(node: string, name: string): readonly string[];
  close(): Promise<void>;
}

const versions: Readonly<Record<string, string>> = {
  Lease: 'coordination.k8s.io/v1',
  Deployment: 'apps/v1',
  DaemonSet: 'apps/v1',
  StatefulSet: 'apps/v1',
  ReplicaSet: 'apps/v1',
  PodDisruptionBudget: 'policy/v1',
  CertificateSigningRequest: 'certificates.k8s.io/v1',
};

export async function startSmallCluster(
  options: { readonly topology?: string; readonly speed?: number /** Workers that are there and have not joined. */; readonly outside?: readonly string[] } = {},
): Promise<SmallCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'staging-kubelet-'));
  const nowMs = Date.now();
  const specIn = (block: number) => specOfTopology(options.topology ?? 'small', { block, uid: 'a5a1963a-8faf-41c0-8fbb-9d730bab40de', nowMs });
  const whole = specIn(await freeBlock((block) => portsOf(specIn(block)), { spread: true }));
  const outside = whole.nodes.filter((one) => options.outside?.includes(one.name));
  const spec = { ...whole, nodes: whole.nodes.filter((one) => !outside.includes(one)) };
  const clock = createClock(options.speed ?? 20);
  const faults = noFaults();
  const store = createStore();
  const authorities = await makeAuthorities(spec);
  const nodes = new Map(whole.nodes.map((node) => [node.name, createStagingNode({ spec: node, folder: join(folder, node.name), clock, faults })]));
  const node = (name: string): StagingNode => {
    const found = nodes.get(name);
    if (found === undefined) throw new RangeError(`no node ${name}`);
    return found;
  };
  const log: string[] = [];
  const context: StagingContext = {
    spec,
    clock,
    store,
    faults,
    node,
    nodes: () => [...nodes.values()],
    specOf(name) {
      const found = whole.nodes.find((one) => one.name === name);
      if (found === undefined) throw new RangeError(`no node ${name}`);
      return found;
    },
    log: (line) => void log.push(line),
  };
  await Promise.all(spec.nodes.map(async (one) => writeNodeFiles(node(one.name), await nodeFiles(spec, one, authorities, nowMs))));
  seed(store, spec, authorities, nowMs);
  const components: Components = new Map([
    ['kube-apiserver', startApiServer],
    ['etcd', startEtcd],
    ['kube-controller-manager', startControllerManager],
    ['kube-scheduler', startScheduler],
  ]);
  const kubelets = new Map(whole.nodes.map((one) => [one.name, createKubelet({ context, node: node(one.name), components })]));
  const front = await balance(spec);
  for (const one of spec.nodes) await kubelets.get(one.name)?.start();

  const [first] = controlPlanes(spec);
  const conf =
    node(first?.name ?? '')
      .read('/etc/kubernetes/admin.conf')
      ?.bytes.toString('utf8') ?? '';
  const admin = createClient(
    readStagingKubeconfig(conf, () => undefined),
    { clock },
  );

  return {
    context,
    spec,
    store,
    authorities,
    node,
    admin,
    kube: kubeCalls(admin),
    kubelet(name) {
      const found = kubelets.get(name);
      if (found === undefined) throw new RangeError(`no node ${name}`);
      return found;
    },
    async run(name, script) {
      const { stdout, stderr, exitCode } = await node(name).exec('sh -s', { user: 'root', stdin: Readable.from([Buffer.from(script)]), signal: AbortSignal.timeout(30_000) });
      if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr}`);
      return stdout.toString();
    },
    object: (kind, namespace, name) => store.get({ apiVersion: versions[kind] ?? 'v1', kind, name, ...(namespace === '' ? {} : { namespace }) }),
    logOf: (name, pod) =>
      [...kubelets.entries()]
        .flatMap(([of, kubelet]) => (of === name ? kubelet.staticPods() : []))
        .find((one) => one.manifest.name === pod)
        ?.container?.log.lines() ?? [],
    async close() {
      admin.close();
      await Promise.all([...kubelets.values()].map((kubelet) => kubelet.close()));
      front.close();
      clock.stop();
      await Promise.all([...nodes.values()].map((one) => one.close()));
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** TCP in front of the API servers: the first that takes a connection. */
async function balance(spec: ClusterSpec): Promise<{ close(): void }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((incoming) => {
    sockets.add(incoming);
    incoming.on('close', () => sockets.delete(incoming));
    incoming.on('error', () => undefined);
    const next = ([first, ...rest]: readonly string[]): void => {
      if (first === undefined) return void incoming.destroy();
      const onward = connect(6443, first);
      onward.once('connect', () => {
        onward.setNoDelay(true);
        incoming.setNoDelay(true);
        incoming.pipe(onward).pipe(incoming);
        incoming.on('close', () => onward.destroy());
        onward.on('close', () => incoming.destroy());
      });
      onward.once('error', () => {
        onward.destroy();
        if (onward.bytesRead === 0) next(rest);
      });
      onward.on('error', () => undefined);
    };
    next(controlPlanes(spec).map((node) => node.address));
  });
  await new Promise<void>((resolve) => server.listen(spec.loadBalancer.port, spec.loadBalancer.address, resolve));
  return {
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Waits for a state, and says what it waited for when it does not come. */
export async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, patienceMs = 120_000): Promise<T> {
  const untilMs = Date.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > untilMs) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A client certificate of ten minutes. */
export async function credential(ca: Ca, commonName: string, organizations: readonly string[] = []): Promise<{ cert: string; key: string }> {
  const pair = await makeKeyPair('ecdsa-p256');
  const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { commonName, organizations } });
  const cert = await signLeaf({ ca, csrPem, usages: ['clientAuth'], notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 600_000 });
  return { cert, key: pair.privateKeyPem.reveal().toString('utf8') };
}

/** One request to a kubelet, on a connection of its own. */
export function askKubelet(host: string, path: string, how: { cert?: string; key?: string; headers?: Record<string, string> } = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host, port: 10250, path, rejectUnauthorized: false, agent: false, ...how }, (answer) => {
      let body = '';
      answer.on('data', (part) => {
        body += String(part);
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}
