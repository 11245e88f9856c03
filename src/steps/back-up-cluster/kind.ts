/** back-up-cluster: an etcd snapshot that has been checked, and the objects that a rotation touches, encrypted beside the run. */

import { z } from 'zod';
import { fail, failure, type Failure } from '../../domain/errors.js';
import { nodesWith } from '../../domain/cluster/inventory.js';
import { stagingDir } from '../../operations/run-files.js';
import { msLeft } from '../../operations/waiting.js';
import type { NodeShell } from '../../ports/node-shell.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

const artefact = 'backup-cluster.json';

const kinds = [
  { apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token' },
  { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system' },
  { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public' },
  { apiVersion: 'v1', kind: 'ConfigMap', fieldSelector: 'metadata.name=kube-root-ca.crt' },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' },
  { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'MutatingWebhookConfiguration' },
  { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService' },
  { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
] as const;

export const backUpCluster: StepKind<z.infer<typeof params>> = {
  name: 'back-up-cluster',
  targets: 'cluster',
  params,
  effects: () => [],

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

  async checkpoint() {
    return { files: [], objects: [], notes: {} };
  },

  async apply(site) {
    if (site.artefacts.get(artefact) !== undefined) return;
    const objects = (await Promise.all(kinds.map((kind) => site.access.kube().list(kind, { deadlineMs: msLeft(site, 30_000), signal: site.signal })))).flat();
    const saved = await site.checkpoints.saveBlob(`objects-${site.run.attempt}.json`, Buffer.from(JSON.stringify(objects)));
    const node = memberNode(site);
    const snapshot = await takeSnapshot(site, node);
    const blob = await site.checkpoints.saveBlob(`etcd-${site.run.attempt}.db`, snapshot.bytes);
    site.artefacts.put(artefact, `${JSON.stringify({ objects: { ...saved, count: objects.length }, etcd: { ...blob, bytes: snapshot.bytes.length, from: node, status: snapshot.status } }, null, 2)}\n`);
    site.tell(`backup of the cluster: ${objects.length} objects; etcd snapshot of ${node}, ${snapshot.bytes.length} bytes, ${snapshot.status}`);
  },

  async inspect(site) {
    return site.artefacts.get(artefact) === undefined ? 'absent' : 'present';
  },

  async verify(site) {
    if (site.artefacts.get(artefact) !== undefined) return [];
    return [failure('file-missing', { target: 'cluster', summary: 'there is no backup', nextAction: 'Run "rotate-ca resume".' })];
  },

  async undo() {
    // A backup stays.
  },
};

function memberNode(site: Site): string {
  const [first] = nodesWith(site.inventory, 'control-plane');
  return first?.name ?? fail('layout-unsupported', { target: 'cluster', summary: 'there is no control plane', nextAction: 'Check the inventory.' });
}

/** Prefix of commands: on the node itself, or in the mount namespace of the running etcd (crictl is not everywhere, nsenter is part of util-linux). */
async function etcdTool(site: Site, shell: NodeShell): Promise<'node' | 'container' | undefined> {
  const out = await shell.must(
    `if command -v etcdctl >/dev/null && command -v etcdutl >/dev/null; then echo node; else
for d in /proc/[0-9]*; do a=$(tr '\\0' '\\n' < $d/cmdline 2>/dev/null | head -n 1); [ "\${a##*/}" = etcd ] && [ -x $d/root/usr/local/bin/etcdctl ] && echo container && break; done; fi; true`,
    { deadlineMs: msLeft(site, 20_000), signal: site.signal },
  );
  const word = out.trim();
  return word === 'node' || word === 'container' ? word : undefined;
}

async function takeSnapshot(site: Site, node: string): Promise<{ bytes: Buffer; status: string }> {
  const shell = site.shells.to(node);
  const limits = { deadlineMs: msLeft(site, 120_000), signal: site.signal };
  const where = await etcdTool(site, shell);
  const dir = stagingDir(site);
  // In a container the binaries are started from its root; they are static, so they run in the node's own mount namespace.
  const find = where === 'node' ? 'p=""' : `for d in /proc/[0-9]*; do a=$(tr '\\0' '\\n' < $d/cmdline 2>/dev/null | head -n 1); [ "\${a##*/}" = etcd ] && p=$d/root/usr/local/bin/ && break; done`;
  const out = await shell.must(
    `set -eu; umask 077; mkdir -p '${dir}'; ${find}; e=/etc/kubernetes/pki/etcd; f='${dir}/etcd.db'; trap 'rm -f "$f" "$f.part"' EXIT
rm -f "$f"; ETCDCTL_API=3 "\${p}etcdctl" --endpoints=https://127.0.0.1:2379 --cacert=$e/ca.crt --cert=$e/healthcheck-client.crt --key=$e/healthcheck-client.key snapshot save "$f" >/dev/null 2>&1
"\${p}etcdutl" snapshot status "$f" -w simple 2>/dev/null | tr '\\n' ' '; echo; base64 -w0 "$f"`,
    { ...limits, secretOutput: true },
  );
  const line = out.indexOf('\n');
  const [hash = '', revision = '', keys = '', size = ''] = out.slice(0, line).split(',').map((s) => s.trim());
  const bytes = Buffer.from(out.slice(line + 1), 'base64');
  if (hash === '' || !(Number(keys) > 0) || bytes.length === 0) {
    return fail('command-failed', { target: node, summary: 'the etcd snapshot could not be checked', cause: out.slice(0, Math.max(line, 0)), nextAction: 'Try "etcdctl snapshot save" and "etcdutl snapshot status" by hand on that node.' });
  }
  return { bytes, status: `hash ${hash}, revision ${revision}, ${keys} keys, ${size}` };
}
