/** What proves, beyond its process, that a component is back: that it serves, or is let in by those it asks. */

import type { ComponentName } from '../domain/cluster/inventory.js';
import type { Site } from '../ports/step-kind.js';
import { adoptIncomingCredential, adoptKubeconfig } from './engine-credential.js';
import { apiPort, apiServerOf, nodeOf } from './identity-probe.js';
import type { Process } from './processes.js';
import { caPem, type CaName } from './trust-bundles.js';
import { unitOf } from './units.js';
import { type Answer, limitsOf, msLeft } from './waiting.js';

/** The proof for a component that has the leaves of `ca` now. */
export function proofOf(site: Site, component: ComponentName, ca: CaName): (process: Process) => Promise<Answer> {
  switch (component) {
    case 'etcd':
      return async () => {
        const served = await serves(site, 2379, ca);
        return served === true ? memberAnswers(site) : served;
      };
    case 'kube-apiserver':
      return async () => {
        const served = await serves(site, apiPort(nodeOf(site)), ca);
        return served === true ? isReady(site, ca) : served;
      };
    case 'kubelet':
      return (process) => renewed(site, { namespace: 'kube-node-lease', name: site.target, since: process.startedAtMs });
    case 'kube-scheduler':
    case 'kube-controller-manager':
      return (process) => renewed(site, { namespace: 'kube-system', name: component, since: process.startedAtMs });
    default:
      return () => Promise.resolve(true);
  }
}

async function serves(site: Site, port: number, ca: CaName): Promise<Answer> {
  const verdict = await site.tls.verifies({ host: nodeOf(site).internalIp, port }, { caPem: caPem(site, ca), deadlineMs: msLeft(site, 5000), signal: site.signal });
  return verdict.ok ? true : `port ${port} does not present a leaf of the ${ca} CA: ${verdict.error}`;
}

/** Through its own client port with its own pair: a member that has no quorum says so. Only where etcdctl is on the node. */
async function memberAnswers(site: Site): Promise<Answer> {
  const { flags } = unitOf(site, 'etcd');
  const { code, text } = await site.shell
    .run(
      `command -v etcdctl >/dev/null || exit 127
ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert='${flags['trusted-ca-file'] ?? ''}' --cert='${flags['cert-file'] ?? ''}' --key='${flags['key-file'] ?? ''}' --command-timeout=4s endpoint health 2>&1 | tail -n 1
exit 0`,
      limitsOf(site, 10_000),
    )
    .then(({ exitCode, stdout }) => ({ code: exitCode, text: stdout.trim() }));
  if (code === 127 || / is healthy/.test(text)) return true;
  return `etcd is not healthy yet: ${text.slice(0, 200)}`;
}

async function isReady(site: Site, ca: CaName): Promise<Answer> {
  await (ca === 'incoming' ? adoptIncomingCredential(site) : adoptKubeconfig(site));
  const answer = await site.access
    .kube()
    .at(apiServerOf(nodeOf(site)))
    .get('/readyz', limitsOf(site, 5000));
  return answer.status === 200 ? true : `GET /readyz is answered with ${answer.status}`;
}

/** Whoever renews a lease has been let in and has verified the API server. Of a leader: any of the instances. */
async function renewed(site: Site, lease: { readonly namespace: string; readonly name: string; readonly since: number }): Promise<Answer> {
  const found = await site.access.kube().read({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: lease.namespace, name: lease.name }, limitsOf(site, 5000));
  const at = Date.parse((found?.spec as { renewTime?: string } | undefined)?.renewTime ?? '');
  if (at > lease.since) return true;
  return `the lease ${lease.namespace}/${lease.name} has not been renewed since`;
}
