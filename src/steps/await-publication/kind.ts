/** await-publication: kube-controller-manager has written the bundle to every namespace and every token Secret. */

import { z } from 'zod';
import { failure } from '../../domain/errors.js';
import { awaitPublished, isPublished, unpublished } from '../../operations/publication.js';
import { readsOnly } from '../../operations/reads-only.js';
import { trusts } from '../../operations/trust-params.js';
import type { StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({ trusts });

type Params = z.infer<typeof params>;

export const awaitPublication: StepKind<Params> = {
  name: 'await-publication',
  targets: 'cluster',
  params,
  ...readsOnly,

  async apply(site, p) {
    await awaitPublished(site, p.trusts);
  },

  async inspect(site, p) {
    return isPublished(site, p.trusts) ? 'present' : 'absent';
  },

  async verify(site, p) {
    const late = await unpublished(site, p.trusts);
    if (late.length === 0) return [];
    return [
      failure('trust-not-loaded', {
        target: late[0] ?? 'cluster',
        summary: `${late.length} published bundles are not the expected one`,
        cause: 'a kube-controller-manager with another root-ca-file may have taken the lead',
        nextAction: 'Compare root-ca-file on all control planes, then run "rotate-ca resume".',
      }),
    ];
  },

  async undo() {
    // What is published follows kube-controller-manager, which is taken back by its own step.
  },
};
