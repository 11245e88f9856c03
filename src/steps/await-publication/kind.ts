/** await-publication: kube-controller-manager has written the bundle to every namespace and every token Secret. */

import { z } from 'zod';
import { fail, failure } from '../../domain/errors.js';
import { isPublished, recordPublished } from '../../operations/publication.js';
import { readsOnly } from '../../operations/reads-only.js';
import { bundlePem } from '../../operations/trust-bundles.js';
import { trusts } from '../../operations/trust-params.js';
import { limitsOf, waitFor } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({ trusts });

type Params = z.infer<typeof params>;

export const awaitPublication: StepKind<Params> = {
  name: 'await-publication',
  targets: 'cluster',
  params,
  ...readsOnly,

  async apply(site, p) {
    const failures = await waitFor(
      site,
      {
        what: `every kube-root-ca.crt and every service-account-token Secret holds: ${p.trusts.join(' + ')}`,
        rule: 'W: rootcacertpublisher and token controller write at their start, 20 objects a second (--kube-api-qps)',
        everyMs: 1000,
        // k/k pkg/controller/serviceaccount/tokens_controller.go retryOrForget, maxRetries 10.
        otherwise: {
          code: 'trust-not-loaded',
          nextAction:
            'Compare root-ca-file on all control planes. If writes were refused for a while, as by a webhook, restart kube-controller-manager: its token controller has given up. Then run "rotate-ca resume".',
        },
      },
      async () => {
        const late = await unpublished(site, p);
        return late.length === 0 ? true : `${late.length} objects hold something else, ${late[0] ?? ''} for one`;
      },
    );
    const [first] = failures;
    if (first !== undefined) fail(first.code, first);
    await recordPublished(site, p.trusts);
  },

  async inspect(site, p) {
    return isPublished(site, p.trusts) ? 'present' : 'absent';
  },

  async verify(site, p) {
    const late = await unpublished(site, p);
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

async function unpublished(site: Site, p: Params): Promise<string[]> {
  const wanted = bundlePem(site, p.trusts);
  const kube = site.access.kube();
  const call = limitsOf(site, 20_000);
  const [namespaces, maps, secrets] = await Promise.all([
    kube.list({ apiVersion: 'v1', kind: 'Namespace' }, call),
    kube.list({ apiVersion: 'v1', kind: 'ConfigMap', fieldSelector: 'metadata.name=kube-root-ca.crt' }, call),
    kube.list({ apiVersion: 'v1', kind: 'Secret', fieldSelector: 'type=kubernetes.io/service-account-token' }, call),
  ]);
  const published = new Map(maps.map((m) => [m.metadata.namespace ?? '', (m.data as Record<string, string> | undefined)?.['ca.crt'] ?? '']));
  const late: string[] = [];
  for (const namespace of namespaces) {
    if (namespace.metadata.deletionTimestamp !== undefined) continue;
    if (published.get(namespace.metadata.name) !== wanted) late.push(`ConfigMap ${namespace.metadata.name}/kube-root-ca.crt`);
  }
  const encoded = Buffer.from(wanted).toString('base64');
  for (const secret of secrets) {
    if ((secret.data as Record<string, string> | undefined)?.['ca.crt'] !== encoded) late.push(`Secret ${secret.metadata.namespace ?? ''}/${secret.metadata.name}`);
  }
  return late;
}
