/** The Kubernetes client: kept connections beside client-node's default, a TLS handshake for every request. */

import { rmSync } from 'node:fs';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { ca, leaf } from '../src/adapters/kube/certificates.test-support.js';
import { startKubeApi } from '../src/adapters/kube/kube-api.test-support.js';
import { folder, kubeconfigText, write } from '../src/adapters/kube/kubeconfig.test-support.js';
import { openKube } from '../src/adapters/kube/open-kube.js';
import type { Measurement, Row } from './measurement.js';
import { inTurns, repeat, type Work } from './rounds.js';

const requests = 40;
const against = 'client-node as it comes';

async function run(): Promise<Row[]> {
  const authority = await ca('kubernetes');
  const serving = await leaf(authority, 'kube-apiserver', 'serverAuth');
  const api = await startKubeApi({ ...serving, clientCaPem: authority.certificatePem });
  api.objects.set('/api/v1/namespaces/kube-system', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'a5a1963a' } });
  const text = kubeconfigText({ server: api.url, caPem: authority.certificatePem, client: await leaf(authority, 'kubernetes-admin', 'clientAuth') });
  const dir = folder();
  const access = await openKube({ kubeconfig: write(dir, 'kubeconfig', text), env: {} });
  const config = new KubeConfig();
  config.loadFromString(text);
  const core = config.makeApiClient(CoreV1Api);
  // Both read and parse the same object, over mutual TLS.
  const ours = async (): Promise<unknown> => JSON.parse((await access.kube().get('/api/v1/namespaces/kube-system')).body);
  const baseline = (): Promise<unknown> => core.readNamespace({ name: 'kube-system' });
  try {
    const connectionsOf = async (work: Work): Promise<number> => {
      const before = api.connections();
      await repeat(requests, 1, work);
      return api.connections() - before;
    };
    const one = await inTurns(
      () => repeat(requests, 1, ours),
      () => repeat(requests, 1, baseline),
      { rounds: 5 },
    );
    const eight = await inTurns(
      () => repeat(requests, 8, ours),
      () => repeat(requests, 8, baseline),
      { rounds: 5 },
    );
    const perSecond = (ms: number): number => (requests * 1000) / ms;
    return [
      { measurement: 'kube: requests a second, one at a time', ours: perSecond(one.ours), baseline: perSecond(one.baseline), against },
      { measurement: 'kube: requests a second, 8 at once', ours: perSecond(eight.ours), baseline: perSecond(eight.baseline), against },
      { measurement: `kube: TLS handshakes for ${requests} more requests`, ours: await connectionsOf(ours), baseline: await connectionsOf(baseline), against },
    ];
  } finally {
    access.close();
    await api.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

export const kubeMeasurement: Measurement = { name: 'kube', run };
