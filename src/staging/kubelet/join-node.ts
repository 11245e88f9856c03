/** A worker that joins: what `kubeadm join --token --discovery-token-ca-cert-hash` does (k/k cmd/kubeadm/app/discovery/token/token.go, cmd/phases/join/kubelet.go). */

import { request } from 'node:https';
import { stringify } from 'yaml';
import type { StoredObject } from '../api/store.js';
import { kubernetesBundle } from '../api/cert-files.js';
import { createClient } from '../client/create-client.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import type { StagingContext } from '../component.js';
import { detachedSignature } from '../controllers/bootstrap-signer.js';
import { kubeCalls } from '../controllers/kube-calls.js';
import type { StagingNode } from '../node/staging-node.js';
import { currentClient } from './client-store.js';
import type { Kubelet } from './kubelet.js';

export interface JoinOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  /** That of the node, registered and not started. */
  readonly kubelet: Kubelet;
  /** "abcdef.0123456789abcdef" */
  readonly token: string;
  /** "sha256:" and the hash of the SubjectPublicKeyInfo of a CA: any CA in cluster-info may match. */
  readonly caCertHash: string;
}

const patienceMs = 5 * 60_000;
const clusterInfoPath = '/api/v1/namespaces/kube-public/configmaps/cluster-info';

/** Resolves when the kubelet has its own certificate. Throws with kubeadm's words when discovery or bootstrap fails. */
export async function joinNode(options: JoinOptions): Promise<void> {
  const { context, node, kubelet } = options;
  const [id = '', secret = ''] = options.token.split('.');
  const { address, port } = context.spec.loadBalancer;
  const info = JSON.parse(await fetchUnverified(address, port)) as StoredObject;
  const data = (info.data ?? {}) as Readonly<Record<string, string>>;
  const kubeconfig = data.kubeconfig ?? '';
  const signature = data[`jws-kubeconfig-${id}`];
  if (signature === undefined) throw new Error(`could not find a JWS signature in the cluster-info ConfigMap for token ID "${id}"`);
  if (signature !== detachedSignature(kubeconfig, { id, secret })) throw new Error("failed to verify JWS signature of received cluster info object, can't trust this API Server");
  const { caPem, server } = readStagingKubeconfig(kubeconfig, () => undefined);
  const hashes = kubernetesBundle(caPem).map(({ record }) => `sha256:${record.spki}`);
  if (!hashes.includes(options.caCertHash.toLowerCase())) {
    throw new Error(`cluster CA found in cluster-info ConfigMap is invalid: none of the public keys ${hashes.map((hash) => `"${hash}"`).join(':')} are pinned`);
  }

  // The second time verified: what was trusted unseen must be the same bytes.
  const client = createClient({ server, caPem, token: () => options.token }, { clock: context.clock, localAddress: node.address });
  try {
    const kube = kubeCalls(client);
    const again = await kube.get('ConfigMap', { namespace: 'kube-public', name: 'cluster-info' });
    if ((again?.data as Readonly<Record<string, string>> | undefined)?.kubeconfig !== kubeconfig) {
      throw new Error('the second kubeconfig from the cluster-info ConfigMap (using validated TLS) was different from the first');
    }
    const config = await kube.get('ConfigMap', { namespace: 'kube-system', name: 'kubelet-config' });
    node.write('/var/lib/kubelet/config.yaml', (config?.data as Readonly<Record<string, string>> | undefined)?.kubelet ?? '', { mode: 0o644 });
  } finally {
    client.close();
  }
  node.write('/etc/kubernetes/pki/ca.crt', caPem, { mode: 0o644 });
  node.write('/etc/kubernetes/bootstrap-kubelet.conf', bootstrapKubeconfig(server, caPem, options.token), { mode: 0o600 });
  await kubelet.start();
  const untilMs = context.clock.now() + patienceMs / context.clock.speed;
  while (node.read(currentClient) === undefined) {
    if (context.clock.now() > untilMs) throw new Error('timed out waiting for the kubelet to bootstrap: its certificate request was not signed');
    await context.clock.wait(1000);
  }
  node.remove('/etc/kubernetes/bootstrap-kubelet.conf');
}

/** What a client pins: SHA-256 of the SubjectPublicKeyInfo of the first certificate of a PEM. */
export function caCertHashOf(caPem: string): string {
  return `sha256:${kubernetesBundle(caPem)[0]?.record.spki ?? ''}`;
}

function bootstrapKubeconfig(server: string, caPem: string, token: string): string {
  return stringify(
    {
      apiVersion: 'v1',
      clusters: [{ cluster: { 'certificate-authority-data': Buffer.from(caPem).toString('base64'), server }, name: 'kubernetes' }],
      contexts: [{ context: { cluster: 'kubernetes', user: 'tls-bootstrap-token-user' }, name: 'tls-bootstrap-token-user@kubernetes' }],
      'current-context': 'tls-bootstrap-token-user@kubernetes',
      kind: 'Config',
      users: [{ name: 'tls-bootstrap-token-user', user: { token } }],
    },
    { lineWidth: 0 },
  );
}

/** Anonymously, and without looking at the certificate: what comes is proved by signature and hash. */
function fetchUnverified(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path: clusterInfoPath, rejectUnauthorized: false, agent: false, timeout: 10_000 }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        body += part;
      });
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(body);
        else reject(new Error(`failed to get the cluster-info ConfigMap: HTTP ${answer.statusCode ?? 0}: ${body.slice(0, 200)}`));
      });
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end();
  });
}
