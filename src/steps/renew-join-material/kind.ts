/** renew-join-material: what would let a node join with the outgoing CA is withdrawn, and the new way in is said. */

import { createHash, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { failure } from '../../domain/errors.js';
import { publishedAtMs } from '../../operations/publication.js';
import { artefactNames } from '../../operations/run-files.js';
import { caPem } from '../../operations/trust-bundles.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

/** Two-hour copies of the shared CA files (kubeadm copycerts): stale now, and they hold the outgoing key. */
const uploaded = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: 'kubeadm-certs' } as const;

export const renewJoinMaterial: StepKind<z.infer<typeof params>> = {
  name: 'renew-join-material',
  targets: 'cluster',
  params,
  effects: () => [],

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    return {
      files: [],
      objects: (await withdrawn(site)).map((object) => ({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: object.metadata.name, object })),
      notes: {},
    };
  },

  async apply(site) {
    for (const object of await withdrawn(site)) {
      await site.access.kube().remove({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: object.metadata.name }, limitsOf(site, 10_000));
    }
    const hash = createHash('sha256')
      .update(new X509Certificate(caPem(site, 'incoming')).publicKey.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    const line = `kubeadm join ${new URL(site.inventory.cluster.server).host} --token "$(kubeadm token create)" --discovery-token-ca-cert-hash sha256:${hash}\n`;
    site.artefacts.put(artefactNames.joinMaterial, line);
    site.tell(`new nodes join with: ${line.trim()}`);
  },

  async inspect(site) {
    return (await withdrawn(site)).length === 0 && site.artefacts.get(artefactNames.joinMaterial) !== undefined ? 'present' : 'absent';
  },

  async verify(site) {
    return (await withdrawn(site)).map((object) =>
      failure('outgoing-left', {
        target: `Secret kube-system/${object.metadata.name}`,
        summary: 'it is there again',
        cause: 'something makes it anew',
        nextAction: 'Find out what makes it (Cluster API, a cron job), let it make one of the incoming CA, then run "rotate-ca resume".',
      }),
    );
  },

  async undo(site, _p, checkpoint) {
    for (const { object } of checkpoint.objects) {
      const saved = object as KubeObject;
      const ref = { apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', name: saved.metadata.name };
      if ((await site.access.kube().read(ref, limitsOf(site, 10_000))) !== undefined) continue;
      const { name, namespace, labels, annotations } = saved.metadata;
      const metadata = { name, namespace: namespace ?? 'kube-system', ...(labels === undefined ? {} : { labels }), ...(annotations === undefined ? {} : { annotations }) };
      await site.access.kube().create({ apiVersion: 'v1', kind: 'Secret', metadata, type: saved.type, data: saved.data }, limitsOf(site, 10_000));
    }
  },
};

/** kubeadm-certs, and the bootstrap tokens made before the incoming CA alone was published. */
async function withdrawn(site: Site): Promise<KubeObject[]> {
  const kube = site.access.kube();
  const before = publishedAtMs(site, ['incoming']) ?? Number.POSITIVE_INFINITY;
  const tokens = await kube.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'kube-system', fieldSelector: 'type=bootstrap.kubernetes.io/token' }, limitsOf(site, 10_000));
  const certs = await kube.read(uploaded, limitsOf(site, 10_000));
  const old = tokens.filter((t) => Date.parse(t.metadata.creationTimestamp ?? '1970-01-01T00:00:00Z') <= before);
  return [...(certs === undefined ? [] : [certs]), ...old];
}
