/** One life of a kubelet: from its start, when it reads its files, to its end. */

import type { PairPem } from '../api/cert-files.js';
import { kubernetesBundle } from '../api/cert-files.js';
import { createHotFiles } from '../api/hot-files.js';
import { type CertPool, certPool } from '../api/verify-client.js';
import { createClient } from '../client/create-client.js';
import type { StagingClient } from '../client/staging-client.js';
import type { StagingContext } from '../component.js';
import { signerNames } from '../controllers/csr-rules.js';
import { kubeCalls } from '../controllers/kube-calls.js';
import { type ObjectCache, watchObjects } from '../controllers/object-cache.js';
import type { StagingNode } from '../node/staging-node.js';
import { timings } from '../timings.js';
import { certificateHolder } from './certificate-holder.js';
import { requestCertificate } from './certificate-requests.js';
import { readClientConfig } from './client-config.js';
import { storePair } from './client-store.js';
import { readKubeletConfig } from './kubelet-config.js';
import { kubeletPort, type KubeletServer, startKubeletServer } from './kubelet-server.js';
import { isMirror, keepMirrorPods } from './mirror-pods.js';
import { keepNodeStatus } from './node-status.js';
import { servingPair } from './serving-pair.js';
import type { StaticPods } from './static-pods.js';
import { createTokenReviews } from './token-reviews.js';
import type { WorkloadPods } from './workload-pods.js';

export interface KubeletProcess {
  /** Resolves when its port is closed; containers go on. */
  stop(): Promise<void>;
}

export interface KubeletProcessOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly flags: Readonly<Record<string, string>>;
  readonly staticPods: StaticPods;
  readonly workloadPods: WorkloadPods;
  /** The clock of the node, Unix ms. */
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Told the port on which it serves. */
  readonly listens?: (port: number) => void;
  /** It ends by itself; systemd starts it again. */
  readonly onExit: (line: string) => void;
}

/**
 * Reads its files at once. Throws the line with which it exits when it cannot start with them; what goes wrong later comes through `onExit`.
 * It serves and posts after timings.kubeletStartMs.
 */
export function startKubeletProcess(options: KubeletProcessOptions): KubeletProcess {
  const { context, node, flags, staticPods, workloadPods, now, log } = options;
  const { clock } = context;
  const configFile = flags.config ?? '/var/lib/kubelet/config.yaml';
  const configText = node.read(configFile)?.bytes.toString('utf8');
  if (configText === undefined) throw new Error(`failed to load kubelet config file, path: ${configFile}, error: open ${configFile}: no such file or directory`);
  const config = readKubeletConfig(configText);
  const client = readClientConfig(node, flags, now());
  const hot = createHotFiles({ process: { read: (path) => node.read(path)?.bytes }, node, clock, log });
  let clientCa: { readonly current: CertPool } | undefined;
  try {
    if (config.clientCaFile !== undefined) clientCa = hot.watch([config.clientCaFile], ([bytes]) => certPool(kubernetesBundle(String(bytes))));
  } catch (error) {
    hot.stop();
    throw new Error(`failed to run Kubelet: unable to load client CA file ${config.clientCaFile ?? ''}: ${error instanceof Error ? error.message : String(error)}`);
  }

  const ending = new AbortController();
  const undo: (() => Promise<void> | void)[] = [hot.stop];
  let server: KubeletServer | undefined;

  async function begin(): Promise<void> {
    await clock.wait(timings.kubeletStartMs, ending.signal);
    if (ending.signal.aborted) return;
    const { server: url, caPem } = client;
    const holder = certificateHolder({ context, node, client, rotates: config.rotateCertificates, now, log, signal: ending.signal, onExit: options.onExit });
    undo.push(holder.stop);
    // The CA is that of the start, the pair that of the moment.
    const api = createClient({ server: url, caPem, pair: () => holder.pair() }, { clock, localAddress: node.address });
    undo.push(() => api.close());
    // Hundreds of kubelets share this machine: their patience is that of the wall clock.
    const kube = kubeCalls(api, Math.max(5_000, context.spec.nodes.length * 75));
    const pair = await servingPair(context, node, config, hot, { nowMs: now(), onChange: (changed) => server?.present(changed) });
    if (ending.signal.aborted) return;
    server = await startKubeletServer({
      address: node.address,
      pair,
      clientCa: () => clientCa?.current,
      allowsAnonymous: config.allowsAnonymous,
      reviewToken: createTokenReviews(kube, clock),
      now,
      pods: () => [...workloadPods.objects(), ...staticPods.list().map((pod) => ({ ...pod.manifest.pod, apiVersion: 'v1', kind: 'Pod' }))],
      logs: logsOf,
      metrics: () => `kubelet_running_pods ${staticPods.list().length + workloadPods.objects().length}\nkubelet_certificate_manager_client_ttl_seconds ${holder.secondsLeft()}\n`,
    });
    const opened = server;
    options.listens?.(kubeletPort);
    undo.push(() => opened.close());
    if (ending.signal.aborted) return void (await opened.close());

    // Control planes come up without any API: static pods do not wait for it.
    let mirrorsChanged: () => void = () => undefined;
    if (config.staticPodPath !== undefined) {
      staticPods.attend(config.staticPodPath, () => mirrorsChanged(), log);
      undo.push(() => staticPods.leave());
    }
    await holder.ready(api);
    if (ending.signal.aborted) return;
    mirrorsChanged = withApi(api, kube, holder.onAnswer);
    if (config.serverTlsBootstrap && pair === undefined) askForServing(kube);
  }

  /** What needs an identity. Returns what is called when static pods have changed. */
  function withApi(api: StagingClient, kube: ReturnType<typeof kubeCalls>, onAnswer: (error: unknown) => void): () => void {
    let pods: ObjectCache | undefined;
    const mirrors = keepMirrorPods({
      context,
      node,
      kube,
      pods: () => staticPods.list(),
      mirrors: () => pods?.list().filter(isMirror) ?? [],
      nodeUid: () => (pods?.isSynced === true ? status.uid : undefined),
      now,
      log,
    });
    undo.push(mirrors.stop);
    workloadPods.attend({ api, kube, log });
    undo.push(() => workloadPods.leave());

    /** Once the node is registered: hundreds of kubelets that wait for an API server do not all ask it for their pods. */
    function watchPods(): void {
      if (pods !== undefined) {
        mirrors.sync();
        return;
      }
      const watched = watchObjects(api, 'Pod', { query: `fieldSelector=spec.nodeName%3D${node.name}`, onTrouble: (text) => log(`"Failed to watch" type="*v1.Pod" err="${text}"`) });
      pods = watched;
      undo.push(() => watched.stop());
      watched.onChange((type, pod) => {
        if (isMirror(pod)) mirrors.sync();
        else workloadPods.seen(type, pod);
      });
      watched.onSynced(() => {
        workloadPods.settle(new Set(watched.list().map((pod) => pod.metadata.uid)));
        mirrors.sync();
      });
    }

    const status = keepNodeStatus({ context, node, kube, now, log, onAnswer, onRegistered: watchPods });
    undo.push(status.stop);
    return mirrors.sync;
  }

  function logsOf(namespace: string, name: string, container: string): readonly string[] | undefined {
    const pod = staticPods.list().find(({ manifest }) => manifest.namespace === namespace && manifest.container === container && `${manifest.name}-${node.name}` === name);
    return pod === undefined ? workloadPods.logOf(namespace, name) : (pod.container?.log.lines() ?? []);
  }

  /** Waits for somebody to approve it; until then handshakes fail. */
  function askForServing(kube: ReturnType<typeof kubeCalls>): void {
    const wish = { nodeName: node.name, signerName: signerNames.kubeletServing, usages: ['digital signature', 'server auth'], sans: [`DNS:${node.name}`, `IP:${node.address}`] };
    requestCertificate(kube, clock, wish, ending.signal).then(
      (signed) => {
        if (ending.signal.aborted) return;
        storePair(node, signed, now(), 'server');
        const presented: PairPem = { cert: signed.certificatePem, key: signed.keyPem };
        server?.present(presented);
      },
      (error: unknown) => {
        if (!ending.signal.aborted) log(`"Failed while requesting a signed certificate" err="${error instanceof Error ? error.message : String(error)}"`);
      },
    );
  }

  const started = begin().catch((error: unknown) => {
    if (!ending.signal.aborted) options.onExit(error instanceof Error ? error.message : String(error));
  });
  return {
    async stop() {
      ending.abort();
      // Closing the clients first ends what `begin` still waits for; what it has opened meanwhile is closed after it.
      for (const act of undo.splice(0).reverse()) await act();
      await started;
      for (const act of undo.splice(0).reverse()) await act();
    },
  };
}
