/** What a kubelet presents on :10250: its own self-signed pair (H), or one from the CSR API when serverTLSBootstrap is set. */

import type { StagingContext } from '../component.js';
import { keyPair, type PairPem } from '../api/cert-files.js';
import type { HotFiles } from '../api/hot-files.js';
import type { StagingNode } from '../node/staging-node.js';
import { kubeletServingFiles } from '../pki/kubelet-files.js';
import { kubeletPki, pairIn } from './client-store.js';
import type { KubeletConfig } from './kubelet-config.js';

export const servingFiles = { certificate: `${kubeletPki}/kubelet.crt`, key: `${kubeletPki}/kubelet.key`, fromCsr: `${kubeletPki}/kubelet-server-current.pem` } as const;

/** The pair at start; made when it is missing (k/k cmd/kubelet/app/server.go InitializeTLS). undefined: a request must bring one. `onChange` follows the files. */
export async function servingPair(
  context: StagingContext,
  node: StagingNode,
  config: KubeletConfig,
  hot: HotFiles,
  options: { readonly nowMs: number; readonly onChange: (pair: PairPem) => void },
): Promise<PairPem | undefined> {
  if (config.serverTlsBootstrap) {
    const pair = pairIn(node.read(servingFiles.fromCsr)?.bytes.toString('utf8') ?? '');
    return pair === undefined ? undefined : { cert: pair.certificatePem, key: pair.keyPem };
  }
  const certificate = config.certificateFile ?? servingFiles.certificate;
  const key = config.keyFile ?? servingFiles.key;
  const isMissing = node.read(certificate) === undefined || node.read(key) === undefined;
  if (isMissing && config.certificateFile === undefined) {
    for (const file of await kubeletServingFiles(context.specOf(node.name), options.nowMs)) {
      if ('text' in file) node.write(file.path, file.text, { mode: file.mode });
    }
  }
  return hot.watch([certificate, key], ([cert = Buffer.alloc(0), own = Buffer.alloc(0)]) => keyPair(cert, own), options.onChange).current;
}
