/** With what a kubelet goes to the API: its kubeconfig and certificate, or the bootstrap file (k/k cmd/kubelet/app/server.go buildKubeletClientConfig, certificate/bootstrap/bootstrap.go). */

import { X509Certificate } from 'node:crypto';
import { splitPem, pemOf } from '../../domain/pki/pem.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import type { LoadedKubeconfig } from '../client/staging-client.js';
import type { StagingNode } from '../node/staging-node.js';
import { joinedKubeconfig } from '../pki/kubeconfig.js';
import { currentClient, type Pair } from './client-store.js';

export interface ClientConfig {
  readonly server: string;
  /** PEM, kept until the next start (R). */
  readonly caPem: string;
  /** In memory from here on; undefined: there is none yet, and a request with `bootstrap` must bring one. */
  readonly pair: Pair | undefined;
  readonly bootstrap: LoadedKubeconfig | undefined;
  /** The pair as its files have it now; undefined: it is embedded. */
  readonly reread: (() => Pair | undefined) | undefined;
}

/** Throws the line with which the kubelet exits. Rewrites kubelet.conf from the bootstrap file when it must bootstrap. `nowMs` is the clock of the node. */
export function readClientConfig(node: StagingNode, flags: Readonly<Record<string, string>>, nowMs: number): ClientConfig {
  const read = (path: string): Buffer | undefined => node.read(path)?.bytes;
  const kubeconfig = flags.kubeconfig ?? '/etc/kubernetes/kubelet.conf';
  const bootstrapFile = flags['bootstrap-kubeconfig'] ?? '';
  if (bootstrapFile === '') {
    const text = read(kubeconfig);
    if (text === undefined) throw new Error(`failed to run Kubelet: invalid kubeconfig: stat ${kubeconfig}: no such file or directory`);
    return fromKubeconfig(text.toString('utf8'), read);
  }
  const valid = stillValid(read(kubeconfig)?.toString('utf8'), read, nowMs);
  if (valid !== undefined) return valid;
  const bootstrapText = read(bootstrapFile)?.toString('utf8');
  if (bootstrapText === undefined) throw new Error(`failed to run Kubelet: unable to load bootstrap kubeconfig: stat ${bootstrapFile}: no such file or directory`);
  const bootstrap = readStagingKubeconfig(bootstrapText, read);
  const { server, caPem } = bootstrap;
  node.write(kubeconfig, joinedKubeconfig({ server, caPem, file: currentClient }), { mode: 0o600 });
  return { server, caPem, pair: undefined, bootstrap, reread: undefined };
}

/** Only what is missing, unreadable or expired makes a kubelet bootstrap: who signed is not asked (isClientConfigStillValid). */
function stillValid(text: string | undefined, read: (path: string) => Buffer | undefined, nowMs: number): ClientConfig | undefined {
  if (text === undefined) return undefined;
  try {
    const config = fromKubeconfig(text, read);
    const blocks = splitPem(config.pair?.certificatePem ?? '').blocks.filter((block) => block.label === 'CERTIFICATE');
    const isExpired = blocks.some((block) => nowMs > Date.parse(new X509Certificate(pemOf(block.label, block.bytes)).validTo));
    return blocks.length === 0 || isExpired ? undefined : config;
  } catch {
    return undefined;
  }
}

function fromKubeconfig(text: string, read: (path: string) => Buffer | undefined): ClientConfig {
  const { server, caPem, pair } = readStagingKubeconfig(text, read);
  const reread = typeof pair === 'function' ? pair : undefined;
  return { server, caPem, pair: typeof pair === 'function' ? pair() : pair, bootstrap: undefined, reread };
}
