/** hold-credential: the engine's own way in, of the incoming CA, before any trust is narrowed. */

import { z } from 'zod';
import { enginePlaces } from '../../domain/trust/names.js';
import { nodesWith } from '../../domain/cluster/inventory.js';
import { failure, type Failure } from '../../domain/errors.js';
import { witness } from '../../operations/cluster-fitness.js';
import { holdIncomingCredential } from '../../operations/engine-credential.js';
import { apiServerOf } from '../../operations/identity-probe.js';
import { outgoingWitness } from '../../operations/outgoing-witness.js';
import { readsOnly } from '../../operations/reads-only.js';
import { caPem } from '../../operations/trust-bundles.js';
import { limitsOf } from '../../operations/waiting.js';
import type { StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({});

/** Nothing of it is on disk: each start of the engine after this step asks the issuer for a new one (app/open-site). */
export const holdCredential: StepKind<z.infer<typeof params>> = {
  name: 'hold-credential',
  targets: 'cluster',
  params,
  ...readsOnly,
  effects: () => [{ type: 'presents', presenter: 'engine', ca: 'incoming' }],

  changes: () => [{ type: 'leaf', place: enginePlaces.client, ca: 'incoming' }],

  async preflight(site) {
    return witness(site);
  },

  async apply(site) {
    await holdIncomingCredential(site);
  },

  async inspect() {
    // It lives in memory: after a crash it is gone.
    return 'absent';
  },

  async verify(site) {
    const failures: Failure[] = [];
    for (const node of nodesWith(site.inventory, 'control-plane')) {
      const answer = await site.access.kube().at(apiServerOf(node)).call('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review, limitsOf(site, 10_000));
      const allowed = answer.status === 201 && (JSON.parse(answer.body) as { status?: { allowed?: boolean } }).status?.allowed === true;
      if (!allowed) {
        failures.push(
          failure('api-forbidden', {
            target: node.name,
            summary: 'the credential of the incoming CA may not do what the one in the kubeconfig may',
            cause: `HTTP ${answer.status}`,
            nextAction: 'Check the groups in the certificate of the kubeconfig, then run "rotate-ca resume".',
          }),
        );
      }
    }
    return failures;
  },

  async undo(site) {
    // A kubeconfig that was replaced by the new admin.conf in the middle of the run is refused as soon as servers go back.
    const witness = await outgoingWitness(site);
    const isOwn = witness?.certificatePem === site.access.original()?.certificatePem;
    site.access.trustAlso(caPem(site, 'outgoing'));
    site.access.present(isOwn ? undefined : witness);
  },
};

const review = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  spec: { resourceAttributes: { verb: 'update', resource: 'configmaps', namespace: 'kube-system' } },
};
