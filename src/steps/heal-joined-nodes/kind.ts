/** heal-joined-nodes: nodes that joined while the incoming CA signed are brought back with the others, if the run goes back. */

import { z } from 'zod';
import { withCaData } from '../../domain/cluster/kubeconfig.js';
import { RotationError } from '../../domain/errors.js';
import { signerFailure, signThroughCsrApi } from '../../operations/csr-api.js';
import { clientOf, installClient, restartKubelet, staleClients, waitForKubelet } from '../../operations/kubelet.js';
import { readKeyType, readSubject, requestFrom } from '../../operations/leaf-on-node.js';
import { rewriteFile, rewriteSeen, textOf } from '../../operations/node-files.js';
import { readsOnly } from '../../operations/reads-only.js';
import { paths, stagingDir } from '../../operations/run-files.js';
import { bundlePem, caPem, signerOf } from '../../operations/trust-bundles.js';
import { limitsOf } from '../../operations/waiting.js';
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
  ...readsOnly,

  async undo(site) {
    const nodes = await site.access.kube().list({ apiVersion: 'v1', kind: 'Node' }, limitsOf(site, 20_000));
    for (const { metadata } of nodes) {
      const there = atNode(site, metadata.name);
      const client = await clientOf(there);
      if (client === undefined) continue;
      // Its certificate of the incoming CA goes last: while it lies there, the kubelet may still have it in memory.
      const isUnfinished = signerOf(site, client.certificatePem) === 'incoming' || (await staleClients(there, ['incoming'])).length > 0;
      if (isUnfinished) await heal(there, client.certificatePem);
    }
  },
};

function atNode(site: Site, node: string): Site {
  return { ...site, target: node, shell: site.shells.to(node) };
}

/** Killed anywhere, it is done again from the start. */
async function heal(site: Site, certificatePem: string): Promise<void> {
  const limits = limitsOf(site, 30_000);
  if (signerOf(site, certificatePem) === 'incoming') await replaceClient(site, certificatePem);
  const conf = await site.shell.readFile(paths.kubeletConf, limits);
  if (conf !== undefined) {
    await rewriteSeen(site.shell, paths.kubeletConf, withCaData(textOf(conf), caPem(site, 'outgoing')), conf, limits);
  }
  await rewriteFile(site.shell, paths.ca, bundlePem(site, ['outgoing']), { mode: '0644', uid: 0, gid: 0 }, limits);
  await restartKubelet(site);
  const failures = await waitForKubelet(site);
  if (failures.length > 0) throw new RotationError(failures);
  await site.shell.must(`rm -f '${stagingDir(site)}/kubelet-client.key'; rmdir '${stagingDir(site)}' /var/lib/rotate-ca 2>/dev/null; true`, limits);
  for (const path of await staleClients(site, ['incoming'])) await site.shell.removeFile(path, limits);
}

async function replaceClient(site: Site, certificatePem: string): Promise<void> {
  site.tell(`${site.target} joined with a certificate of the incoming CA: it gets one of the outgoing CA`);
  const keyPath = `${stagingDir(site)}/kubelet-client.key`;
  const wish = {
    name: 'kubelet-client',
    keyType: readKeyType(certificatePem),
    ...readSubject(certificatePem),
    sans: [],
    usages: ['clientAuth'] as const,
    ttlMs: 0,
    dir: stagingDir(site),
    keyPath,
  };
  const csrPem = await requestFrom(site, site.shell, wish);
  const signed = await signThroughCsrApi(site, {
    name: `rotate-ca-${site.run.id}-${site.target}`.toLowerCase(),
    csrPem,
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: wish.keyType.startsWith('rsa') ? ['digital signature', 'key encipherment', 'client auth'] : ['digital signature', 'client auth'],
    expirationSeconds: 365 * 24 * 3600,
  });
  const signer = signerOf(site, signed);
  if (signer !== 'outgoing') throw new RotationError(signerFailure(site, 'outgoing', signer));
  await installClient(site, { certificatePem: signed, keyPath });
}
