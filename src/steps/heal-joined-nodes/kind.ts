/** heal-joined-nodes: nodes that joined while the incoming CA signed are brought back with the others, if the run goes back. */

import { z } from 'zod';
import { withCaData } from '../../domain/cluster/kubeconfig.js';
import { RotationError } from '../../domain/errors.js';
import { signThroughCsrApi } from '../../operations/csr-api.js';
import { clientOf, installClient, restartKubelet, staleClients, waitForKubelet } from '../../operations/kubelet.js';
import { readKeyType, readSubject, requestFrom } from '../../operations/leaf-on-node.js';
import { rewriteFile } from '../../operations/node-files.js';
import { paths, stagingDir } from '../../operations/run-files.js';
import { bundlePem, caPem, signerOf } from '../../operations/trust-bundles.js';
import { msLeft } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

/**
 * Forward there is nothing to do. Its place in a playbook is right after trust was widened: on the way back that is after the
 * signer and all kubelets have gone back to the outgoing CA, and before servers stop to trust the incoming one. A node that
 * joined in between has no certificate of the outgoing CA to go back to, so it gets one, through the CSR API; its key is made on the node.
 */
export const healJoinedNodes: StepKind<z.infer<typeof params>> = {
  name: 'heal-joined-nodes',
  targets: 'cluster',
  params,
  effects: () => [],

  async preflight() {
    return [];
  },

  async checkpoint() {
    return { files: [], objects: [], notes: {} };
  },

  async apply() {},

  async inspect() {
    return 'present';
  },

  async verify() {
    return [];
  },

  async undo(site) {
    const nodes = await site.access.kube().list({ apiVersion: 'v1', kind: 'Node' }, { deadlineMs: msLeft(site, 20_000), signal: site.signal });
    for (const { metadata } of nodes) {
      const there = atNode(site, metadata.name);
      const client = await clientOf(there);
      if (client !== undefined && signerOf(site, client.certificatePem) === 'incoming') await heal(there, client.certificatePem);
    }
  },
};

function atNode(site: Site, node: string): Site {
  return { ...site, target: node, shell: site.shells.to(node) };
}

async function heal(site: Site, certificatePem: string): Promise<void> {
  const limits = { deadlineMs: msLeft(site, 30_000), signal: site.signal };
  site.tell(`${site.target} joined with a certificate of the incoming CA: it gets one of the outgoing CA`);
  const keyPath = `${stagingDir(site)}/kubelet-client.key`;
  const wish = { name: 'kubelet-client', keyType: readKeyType(certificatePem), ...readSubject(certificatePem), sans: [], usages: ['clientAuth'] as const, ttlMs: 0, dir: stagingDir(site), keyPath };
  const csrPem = await requestFrom(site, site.shell, wish);
  const signed = await signThroughCsrApi(site, {
    name: `rotate-ca-${site.run.id}-${site.target}`.toLowerCase(),
    csrPem,
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: wish.keyType.startsWith('rsa') ? ['digital signature', 'key encipherment', 'client auth'] : ['digital signature', 'client auth'],
    expirationSeconds: 365 * 24 * 3600,
  });
  await installClient(site, { certificatePem: signed, keyPath });
  const conf = await site.shell.readFile(paths.kubeletConf, limits);
  if (conf !== undefined) {
    await rewriteFile(site.shell, paths.kubeletConf, withCaData(Buffer.from(conf.bytes).toString('utf8'), caPem(site, 'outgoing')), conf, limits);
  }
  await rewriteFile(site.shell, paths.ca, bundlePem(site, ['outgoing']), { mode: '0644', uid: 0, gid: 0 }, limits);
  await restartKubelet(site);
  const failures = await waitForKubelet(site);
  if (failures.length > 0) throw new RotationError(failures);
  for (const path of await staleClients(site, ['incoming'])) await site.shell.removeFile(path, limits);
  await site.shell.must(`rm -rf '${stagingDir(site)}'`, limits);
}
