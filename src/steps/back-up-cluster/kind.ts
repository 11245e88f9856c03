/** back-up-cluster: an etcd snapshot that has been checked, and the objects that a rotation touches, encrypted beside the run. */

import { z } from 'zod';
import { fail, failure, type Failure } from '../../domain/errors.js';
import { nodesWith } from '../../domain/cluster/inventory.js';
import { readsOnly } from '../../operations/reads-only.js';
import { stagingDir } from '../../operations/run-files.js';
import { limitsOf } from '../../operations/waiting.js';
import type { CheckpointRef } from '../../ports/checkpoints.js';
import type { NodeShell } from '../../ports/node-shell.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  secrets: z.enum(['tokens', 'all']).default('tokens').describe('Which Secrets of all namespaces are saved: those with tokens of service accounts, or all.'),
});

type Params = z.infer<typeof params>;

const artefact = 'backup-cluster.json';

const kindsOf = ({ secrets }: Params) => [
  { apiVersion: 'v1', kind: 'Secret', ...(secrets === 'all' ? {} : { fieldSelector: 'type=kubernetes.io/service-account-token' }) },
  { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system' },
  { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public' },
  { apiVersion: 'v1', kind: 'ConfigMap', fieldSelector: 'metadata.name=kube-root-ca.crt' },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' },
  { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
];

export const backUpCluster: StepKind<Params> = {
  name: 'back-up-cluster',
  targets: 'cluster',
  params,
  ...readsOnly,

  async preflight(site): Promise<Failure[]> {
    const node = memberNode(site);
    const tool = await etcdTool(site, site.shells.to(node));
    if (tool !== undefined) return [];
    return [
      failure('file-missing', {
        target: node,
        summary: 'there is no etcdctl to take a snapshot with',
        cause: 'it is neither on the node nor in the etcd container',
        nextAction: 'Install etcdctl and etcdutl on the first control plane.',
      }),
    ];
  },

  async apply(site, p) {
    if (site.artefacts.get(artefact) !== undefined) return;
    const objects = (await Promise.all(kindsOf(p).map((kind) => site.access.kube().list(kind, limitsOf(site, 30_000))))).flat();
    const saved = await site.checkpoints.saveBlob(`objects-${site.run.attempt}.json`, Buffer.from(JSON.stringify(objects)));
    const node = memberNode(site);
    const snapshot = await takeSnapshot(site, node);
    site.artefacts.put(artefact, `${JSON.stringify({ objects: { ...saved, count: objects.length }, etcd: { ...snapshot, from: node } }, null, 2)}\n`);
    site.tell(
      `backup of the cluster: ${objects.length} objects; etcd snapshot of ${node}, ${snapshot.bytes} bytes in ${snapshot.parts.length} encrypted parts, ${snapshot.status}`,
    );
  },

  async inspect(site) {
    return site.artefacts.get(artefact) === undefined ? 'absent' : 'present';
  },

  async verify(site) {
    if (site.artefacts.get(artefact) !== undefined) return [];
    return [
      failure('file-missing', {
        target: 'cluster',
        summary: 'there is no backup',
        cause: 'its list is missing among what the run has made',
        nextAction: 'Run "rotate-ca resume".',
      }),
    ];
  },

  async undo() {
    // A backup stays.
  },
};

function memberNode(site: Site): string {
  const [first] = nodesWith(site.inventory, 'control-plane');
  return (
    first?.name ??
    fail('layout-unsupported', { target: 'cluster', summary: 'there is no control plane', cause: 'the inventory of the plan has none', nextAction: 'Check the inventory.' })
  );
}

/** Prefix of commands: on the node itself, or in the mount namespace of the running etcd (crictl is not everywhere, nsenter is part of util-linux). */
async function etcdTool(site: Site, shell: NodeShell): Promise<'node' | 'container' | undefined> {
  const out = await shell.must(
    `if command -v etcdctl >/dev/null && command -v etcdutl >/dev/null; then echo node; else
for d in /proc/[0-9]*; do a=$(tr '\\0' '\\n' < $d/cmdline 2>/dev/null | head -n 1); [ "\${a##*/}" = etcd ] && [ -x $d/root/usr/local/bin/etcdctl ] && echo container && break; done; fi; true`,
    limitsOf(site, 20_000),
  );
  const word = out.trim();
  return word === 'node' || word === 'container' ? word : undefined;
}

/** The pair that kubeadm makes for this; where etcd is a unit its own, which every member must be able to present as a client (the gRPC gateway does). */
function clientFlags(site: Site, node: string): string {
  const { flags, unit } = site.inventory.nodes.find(({ name }) => name === node)?.components.find(({ name }) => name === 'etcd') ?? { flags: {}, unit: undefined };
  const at = '/etc/kubernetes/pki/etcd';
  const [ca, certificate, key] =
    unit === undefined
      ? [`${at}/ca.crt`, `${at}/healthcheck-client.crt`, `${at}/healthcheck-client.key`]
      : [flags['trusted-ca-file'] ?? '', flags['cert-file'] ?? '', flags['key-file'] ?? ''];
  return `--cacert='${ca}' --cert='${certificate}' --key='${key}'`;
}

interface Snapshot {
  readonly status: string;
  readonly bytes: number;
  /** In this order they are the file: decrypt each, then put them together. */
  readonly parts: readonly CheckpointRef[];
}

/** In parts, so that memory does not grow with the database: etcd allows 8 GiB. */
const partBytes = 8 * 2 ** 20;

async function takeSnapshot(site: Site, node: string): Promise<Snapshot> {
  const shell = site.shells.to(node);
  const limits = (): { deadlineMs: number; signal: AbortSignal } => limitsOf(site, 120_000);
  const where = await etcdTool(site, shell);
  const dir = stagingDir(site);
  const file = `${dir}/etcd.db`;
  // In a container the binaries are started from its root; they are static, so they run in the node's own mount namespace.
  const find =
    where === 'node'
      ? 'p=""'
      : `for d in /proc/[0-9]*; do a=$(tr '\\0' '\\n' < $d/cmdline 2>/dev/null | head -n 1); [ "\${a##*/}" = etcd ] && p=$d/root/usr/local/bin/ && break; done`;
  try {
    const out = await shell.must(
      `set -eu; umask 077; mkdir -p '${dir}'; ${find}; f='${file}'
rm -f "$f" "$f.part"; ETCDCTL_API=3 "\${p}etcdctl" --endpoints=https://127.0.0.1:2379 ${clientFlags(site, node)} snapshot save "$f" >/dev/null
"\${p}etcdutl" snapshot status "$f" -w simple | tr '\\n' ' '; echo; stat -c %s "$f"`,
      limits(),
    );
    const [line = '', size = ''] = out.split('\n');
    const [hash = '', revision = '', keys = ''] = line.split(',').map((s) => s.trim());
    const bytes = Number(size);
    if (hash === '' || !(Number(keys) > 0) || !(bytes > 0)) {
      return fail('command-failed', {
        target: node,
        summary: 'the etcd snapshot could not be checked',
        cause: line,
        nextAction: 'Try "etcdctl snapshot save" and "etcdutl snapshot status" by hand on that node.',
      });
    }
    const parts: CheckpointRef[] = [];
    for (let part = 0; part * partBytes < bytes; part++) {
      // It holds every Secret of the cluster: kept out of every log, and encrypted before it is written here.
      const text = await shell.must(`dd if='${file}' bs=${partBytes} skip=${part} count=1 2>/dev/null | base64 -w0`, { ...limits(), secretOutput: true });
      parts.push(await site.checkpoints.saveBlob(`etcd-${site.run.attempt}.db.${String(part + 1).padStart(4, '0')}`, Buffer.from(text, 'base64')));
    }
    return { status: `hash ${hash}, revision ${revision}, ${keys} keys`, bytes, parts };
  } finally {
    await shell.removeFile(file, { deadlineMs: 10_000 });
  }
}
