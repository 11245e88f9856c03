/** kube-controller-manager of one control plane: reads its files at start, takes part in the election, and runs the controllers while it leads. */

import { parseDuration } from './go-duration.js';
import type { ComponentStart, RunningComponent, StartComponent } from '../component.js';
import { createClient } from '../client/create-client.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import { pollPair } from '../client/poll-pair.js';
import { certPool, type CertPool } from '../api/verify-client.js';
import { kubernetesBundle } from '../api/cert-files.js';
import { createHotFiles, type HotFile } from '../api/hot-files.js';
import { timings } from '../timings.js';
import { signClusterInfo } from './bootstrap-signer.js';
import { openWorld } from './open-world.js';
import type { Controller } from './controller-world.js';
import { approveAndSign } from './csr-controllers.js';
import { kubeCalls } from './kube-calls.js';
import { takePart } from './leader-election.js';
import { publishRootCa } from './root-ca-publisher.js';
import { openSecurePort } from './secure-port.js';
import { keepDefaultAccounts } from './service-accounts.js';
import { type SigningPair, watchSigningPair } from './signing-pair.js';
import { fillTokens } from './token-controller.js';
import { workloadControllers } from './workload-controllers.js';

const port = 10257;
const controllers: readonly Controller[] = [publishRootCa, fillTokens, approveAndSign, signClusterInfo, keepDefaultAccounts, ...workloadControllers];

/**
 * Flags as kubeadm sets them. Throws what the real one logs before it exits: a kubeconfig that cannot be read, a port that is taken. A signing
 * file with other than one certificate ends it when it has won the lease.
 */
export const startControllerManager: StartComponent = async (start: ComponentStart): Promise<RunningComponent> => {
  const { context, node, process, flags, log } = start;
  const { clock } = context;
  const now = (): number => clock.now() + node.skewMs;
  const read = (path: string): Buffer | undefined => process.read(path);
  const must = (path: string): string => {
    const bytes = read(path);
    if (bytes === undefined) throw new Error(`open ${path}: no such file or directory`);
    return bytes.toString('utf8');
  };

  const loaded = readStagingKubeconfig(must(flags.kubeconfig ?? ''), read);
  const undo: (() => Promise<void> | void)[] = [];
  const hot = createHotFiles({ process, node, clock, log });
  undo.push(hot.stop);
  let clientCa: HotFile<CertPool> | undefined;
  try {
    if (flags['client-ca-file'] !== undefined) clientCa = hot.watch([flags['client-ca-file']], ([bytes]) => certPool(kubernetesBundle(String(bytes))));
    const listener = await openSecurePort({
      address: node.address,
      port,
      clientCa: () => clientCa?.current,
      now,
      metrics: () => `leader_election_master_status{name="kube-controller-manager"} ${election?.isLeading === true ? 1 : 0}\n`,
    });
    undo.push(() => listener.close());
  } catch (error) {
    for (const act of undo.reverse()) await act();
    throw error;
  }
  process.listens(port);
  log(`"Starting" version="${context.spec.version}"`);
  log(`Serving securely on ${node.address}:${port}`);

  const client = createClient(loaded, { clock, localAddress: node.address });
  undo.push(() => client.close());
  undo.push(pollPair(client, loaded.pair, clock));
  let end: (reason: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    end = resolve;
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      for (const act of undo.splice(0).reverse()) await act();
    })();
    return closing;
  };

  /**
   * Read when the lease is won, because controllers are made then (k/k cmd/kube-controller-manager/app/controllermanager.go, `run`): a standby
   * takes no notice of these files. Throws the line of the real one.
   */
  function inputsOfControllers(): { rootCa: string; tokenKeyPem: string | undefined; signer: SigningPair | undefined } {
    const [certificateFile = '', keyFile = ''] = [flags['cluster-signing-cert-file'], flags['cluster-signing-key-file']];
    return {
      rootCa: flags['root-ca-file'] === undefined ? loaded.caPem : must(flags['root-ca-file']),
      tokenKeyPem: flags['service-account-private-key-file'] === undefined ? undefined : must(flags['service-account-private-key-file']),
      // Both empty: an external CA, nothing is signed.
      signer: certificateFile === '' || keyFile === '' ? undefined : watchSigningPair(hot, certificateFile, keyFile),
    };
  }

  const election = takePart({
    kube: kubeCalls(client, Math.max(timings.leaseRenewDeadlineMs / 2 / clock.speed, 2_000)),
    clock,
    now,
    nodeName: node.name,
    lease: 'kube-controller-manager',
    log,
    onLead() {
      let inputs: ReturnType<typeof inputsOfControllers>;
      try {
        inputs = inputsOfControllers();
      } catch (error) {
        const reason = `"Error starting controllers" err="${error instanceof Error ? error.message : String(error)}"`;
        log(reason);
        void close().then(() => end(reason));
        return;
      }
      const world = openWorld({
        context,
        client,
        now,
        log,
        ...inputs,
        signingDurationMs: parseDuration(flags['cluster-signing-duration'] ?? '8760h0m0s'),
      });
      undo.push(world.close);
      for (const begin of controllers) begin(world);
    },
    onLost: () => void close().then(() => end('leaderelection lost')),
  });
  undo.push(() => election.stop());
  return { stop: close, ended };
};
