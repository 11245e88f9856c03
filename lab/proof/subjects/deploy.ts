import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../deadline.js';
import type { Lab } from '../../lab.js';
import { nodeFolders } from '../../node/boot.js';
import { applyObjects, getJson } from '../../workloads/kube-objects.js';
import { importImages } from '../../workloads/node-images.js';
import { issue, type Pair } from '../certificates.js';
import { buildSubjects } from './build.js';
import { foundation, namespace, subjects, webhookConfiguration } from './manifests.js';

/** The CA of the cluster with its key, as the first control plane has it. */
export function clusterCa(lab: Lab): Pair {
  const [first] = lab.controlPlanes;
  if (first === undefined) throw new Error('the lab has no control plane');
  const file = (name: string): string => readFileSync(join(nodeFolders(lab.paths, first.name).root, 'etc/kubernetes/pki', name), 'utf8');
  return { certificate: file('ca.crt'), key: file('ca.key') };
}

interface RequestList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly signerName: string; readonly username: string };
    readonly status?: { readonly conditions?: readonly unknown[]; readonly certificate?: string };
  }[];
}

/** Nobody approves serving certificates of kubelets by himself: here the lab does, once for each node. */
async function approveKubeletServing(lab: Lab): Promise<void> {
  await waitFor('serving certificates of the kubelets', { timeoutMs: 180_000, everyMs: 1_000 }, async () => {
    const { items } = await getJson<RequestList>(lab, ['csr']);
    const ours = items.filter(({ spec }) => spec.signerName === 'kubernetes.io/kubelet-serving');
    const waiting = ours.filter(({ status }) => (status?.conditions ?? []).length === 0);
    if (waiting.length > 0) await lab.kubectl(['certificate', 'approve', ...waiting.map(({ metadata }) => metadata.name)]);
    const missing: string[] = [];
    for (const { name } of lab.nodes) {
      const there = await lab.onNode(name, 'sudo test -e /var/lib/kubelet/pki/kubelet-server-current.pem', { allowFailure: true });
      if (there.code !== 0) missing.push(name);
    }
    return missing.length === 0 ? true : `none yet on ${missing.join(', ')}`;
  });
}

async function leafOf(lab: Lab, name: string): Promise<Pair> {
  const names = [`${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
  return issue({ subject: `CN=${name}.${namespace}.svc`, names: names.map((one) => `DNS:${one}`), usages: ['server'] }, clusterCa(lab));
}

async function isThere(lab: Lab): Promise<boolean> {
  return (await lab.kubectl(['-n', namespace, 'get', 'secret', 'wardle-tls'], { allowFailure: true })).code === 0;
}

/** Puts everything into the cluster that hangs on its CA, and waits until it runs. A second call changes nothing. */
export async function deploySubjects(lab: Lab, report: (line: string) => void): Promise<void> {
  await approveKubeletServing(lab);
  const images = await buildSubjects(lab.paths, report);
  await importImages(lab, [...images.values()], report);
  await applyObjects(lab, foundation());
  if (await isThere(lab)) return;
  const ca = clusterCa(lab).certificate;
  await applyObjects(
    lab,
    subjects({
      images: { subject: images.get('subject')?.reference ?? '', apiServer: images.get('sample-apiserver')?.reference ?? '', etcd: lab.layout.release.images.etcd },
      ca,
      webhook: await leafOf(lab, 'webhook'),
      aggregated: await leafOf(lab, 'wardle'),
    }),
  );
  for (const name of ['client', 'webhook', 'wardle']) await lab.kubectl(['-n', namespace, 'rollout', 'status', `deployment/${name}`, '--timeout=300s'], { timeoutMs: 320_000 });
  await applyObjects(lab, [webhookConfiguration(ca)]);
}
