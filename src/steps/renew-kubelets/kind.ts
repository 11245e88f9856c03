/** renew-kubelets: trust of the kubelet towards the API, and its client certificate, in one restart. Containers go on running. */

import { z } from 'zod';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { componentId, filePlace } from '../../domain/trust/names.js';
import { failure, RotationError, type Failure } from '../../domain/errors.js';
import { rewriteKubeconfig } from '../../operations/kubeconfig-on-node.js';
import { clientOf, clientsOf, hasReadItsFiles, installClient, type KubeletClient, restartKubelet, staleClients, staleOf, waitForKubelet } from '../../operations/kubelet.js';
import { readKeyType, readSubject, stageLeaf } from '../../operations/leaf-on-node.js';
import { restoreFiles, saveFiles } from '../../operations/node-files.js';
import { paths } from '../../operations/run-files.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { identity, trusts } from '../../operations/trust-params.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({ trusts, identity });

type Params = z.infer<typeof params>;

/** As kube-controller-manager signs: --cluster-signing-duration, one year by default. */
const yearMs = 365 * 24 * 3600_000;

export const renewKubelets: StepKind<Params> = {
  name: 'renew-kubelets',
  targets: 'nodes',
  params,
  effects: (p) => [
    { type: 'trusts', verifier: 'kubelets', cas: p.trusts },
    ...(p.identity === 'incoming' ? [{ type: 'presents', presenter: 'kubelets', ca: 'incoming' } as const] : []),
  ],

  changes: (p, { target }) => [
    { type: 'trust', place: filePlace(target, paths.kubeletConf, 'ca'), cas: p.trusts },
    ...(p.identity === 'incoming' ? [{ type: 'leaf', place: filePlace(target, paths.kubeletClient), ca: 'incoming' } as const] : []),
    { type: 'restart', process: componentId('kubelet', target) },
  ],

  leaves: () => [paths.kubeletConf],

  async preflight(site) {
    const failures: Failure[] = [];
    const client = await clientOf(site);
    if (client === undefined) {
      failures.push(
        failure('layout-unsupported', {
          target: site.target,
          summary: `${paths.kubeletClient} is missing or is not a symlink to the client certificate`,
          cause: 'the kubelet cannot rotate a regular file (client-go certificate_store.go)',
          nextAction: 'Let kubelet.conf point to it as kubeadm does, or use a playbook for another layout.',
        }),
      );
    }
    const node = await site.access.kube().read({ apiVersion: 'v1', kind: 'Node', name: site.target }, limitsOf(site, 30_000));
    const ready = ((node?.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? []).find((c) => c.type === 'Ready');
    if (ready?.status !== 'True') {
      failures.push(
        failure('node-not-ready', {
          target: site.target,
          summary: 'the node is not Ready',
          cause: 'a kubelet is only restarted where it is well',
          nextAction: 'Bring the node back, then run "rotate-ca resume".',
        }),
      );
    }
    return failures;
  },

  async checkpoint(site) {
    const { current, left } = await clientsOf(site);
    const files = [paths.kubeletConf, paths.kubeletClient, ...(current === undefined ? [] : [current.path]), ...left.map(({ path }) => path)];
    return { files: await saveFiles(site.shell, [...new Set(files)], limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site, p) {
    await rewriteKubeconfig(site, paths.kubeletConf, { caPem: bundlePem(site, p.trusts) });
    const client = p.identity === 'incoming' ? await clientOf(site) : undefined;
    if (client !== undefined && signerOf(site, client.certificatePem) !== 'incoming') {
      const wish = {
        name: 'kubelet-client',
        keyType: readKeyType(client.certificatePem),
        ...readSubject(client.certificatePem),
        sans: [],
        usages: ['clientAuth'] as const,
        ttlMs: yearMs,
      };
      await installClient(site, await stageLeaf(site, wish));
    }
    await restartKubelet(site);
    if (!p.trusts.includes('outgoing')) {
      for (const path of await staleClients(site, ['outgoing'])) await site.shell.removeFile(path, limitsOf(site, 30_000));
    }
  },

  async inspect(site, p): Promise<Inspection> {
    const clients = await clientsOf(site);
    if ((await differenceOnDisk(site, p, clients.current)) !== undefined) return 'absent';
    // What lies on the disk is not yet loaded: the step may have been cut off before the restart, or before it cleared up.
    const isLeft = !p.trusts.includes('outgoing') && staleOf(site, clients, ['outgoing']).length > 0;
    return (await hasReadItsFiles(site)) === true && !isLeft ? 'present' : 'partial';
  },

  async verify(site, p) {
    const failures = await waitForKubelet(site);
    const difference = await differenceOnDisk(site, p, p.identity === 'incoming' ? await clientOf(site) : undefined);
    if (difference !== undefined) {
      failures.push(
        failure('file-changed', {
          target: site.target,
          summary: 'the kubelet is not as it was written',
          cause: difference,
          nextAction: 'Find out who writes it, stop it, then run "rotate-ca resume".',
        }),
      );
    }
    return failures;
  },

  async undo(site, _p, checkpoint) {
    // The certificate before its symlink: a link must never lead nowhere.
    const links = checkpoint.files.filter((f) => f.linkTo !== undefined);
    await restoreFiles(
      site.shell,
      checkpoint.files.filter((f) => f.linkTo === undefined),
      limitsOf(site, 30_000),
    );
    await restoreFiles(site.shell, links, limitsOf(site, 30_000));
    await restartKubelet(site);
    const failures = await waitForKubelet(site);
    if (failures.length > 0) throw new RotationError(failures);
    // What apply has made, now that nothing leads to it any more. What was there before the step stays.
    const before = new Set(checkpoint.files.map((f) => f.path));
    for (const path of await staleClients(site, ['incoming'])) if (!before.has(path)) await site.shell.removeFile(path, limitsOf(site, 30_000));
  },
};

async function differenceOnDisk(site: Site, p: Params, client: KubeletClient | undefined): Promise<string | undefined> {
  const file = await site.shell.readFile(paths.kubeletConf, limitsOf(site, 30_000));
  if (file === undefined) return `${paths.kubeletConf} is missing`;
  const read = readKubeconfig(Buffer.from(file.bytes).toString('utf8'), paths.kubeletConf);
  if (read.caPem?.trim() !== bundlePem(site, p.trusts).trim()) return `${paths.kubeletConf} trusts other CAs`;
  if (p.identity === 'incoming' && (client === undefined || signerOf(site, client.certificatePem) !== 'incoming')) return 'its client certificate is not of the incoming CA';
  return undefined;
}
