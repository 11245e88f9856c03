/** check-cluster: is the cluster fit for the run? Quorum, roles of CAs and keys, webhooks, what else writes. Reads only. */

import { z } from 'zod';
import { fileOf, nodesWith } from '../../domain/cluster/inventory.js';
import { failure, type Failure } from '../../domain/errors.js';
import { paths } from '../../operations/run-files.js';
import { gitops, quorum, ready, webhooks, witness } from '../../operations/cluster-fitness.js';
import { readsOnly } from '../../operations/reads-only.js';
import type { Site, StepKind } from '../../ports/step-kind.js';
import { tokenSecrets } from '../../operations/token-secrets.js';
import { sharedRoles } from './shared-roles.js';
import { uncovered } from './uncovered.js';

const params = z.strictObject({
  tolerateWebhooks: z.array(z.string()).default([]).describe('Names of webhook configurations with failurePolicy Fail that have been looked at and do not stand in the way.'),
});

type Params = z.infer<typeof params>;

export const checkCluster: StepKind<Params> = {
  name: 'check-cluster',
  targets: 'cluster',
  params,
  ...readsOnly,

  async preflight(site, p) {
    return [
      ...oneCa(site),
      ...sharedRoles(site.inventory),
      ...uncovered(site.inventory),
      ...witness(site),
      ...(await ready(site)),
      ...(await quorum(site)),
      ...(await webhooks(site, p.tolerateWebhooks)),
      ...(await gitops(site)),
      ...(await immutable(site)),
    ];
  },
};

/** Token Secrets that cannot be written: what is published never reaches them (core/validation). */
async function immutable(site: Site): Promise<Failure[]> {
  const secrets = await tokenSecrets(site);
  return secrets
    .filter((s) => s.immutable === true)
    .map((s) =>
      failure('layout-unsupported', {
        target: `Secret ${s.metadata.namespace ?? ''}/${s.metadata.name}`,
        summary: 'the service-account-token Secret is immutable',
        cause: 'kube-controller-manager cannot write the bundle of both CAs into it',
        nextAction: 'Make it anew without "immutable: true" and restart its pods, then plan again.',
      }),
    );
}

/** The same single CA on all nodes: shared by all control planes (kubeadm copycerts), copied to workers at join. */
function oneCa(site: Site): Failure[] {
  const seen = new Map<string, string[]>();
  const failures: Failure[] = [];
  for (const node of site.inventory.nodes) {
    const file = fileOf(node, paths.ca);
    if (file === undefined || file.certificates.length !== 1) {
      failures.push(
        failure(file === undefined ? 'file-missing' : 'ca-unexpected', {
          target: node.name,
          summary: file === undefined ? `${paths.ca} is missing` : `${paths.ca} holds ${file.certificates.length} certificates instead of one`,
          cause: 'an earlier rotation may have stopped half-way',
          nextAction: 'Finish or take back the earlier rotation first.',
        }),
      );
    } else {
      const print = file.certificates[0]?.fingerprint ?? '';
      seen.set(print, [...(seen.get(print) ?? []), node.name]);
    }
  }
  if (seen.size > 1) {
    failures.push(
      failure('ca-unexpected', {
        target: 'cluster',
        summary: `${paths.ca} differs between nodes`,
        cause: [...seen].map(([print, nodes]) => `${print.slice(0, 12)} on ${nodes.join(', ')}`).join('; '),
        nextAction: 'Find out which CA the API server trusts, put that one everywhere, then plan again.',
      }),
    );
  }
  for (const node of nodesWith(site.inventory, 'control-plane')) {
    if (fileOf(node, paths.caKey) !== undefined) continue;
    failures.push(
      failure('layout-unsupported', {
        target: node.name,
        summary: `${paths.caKey} is missing`,
        cause: 'kubeadm calls that external CA mode: kube-controller-manager signs nothing',
        nextAction: 'This playbook needs the key beside the cluster; use one for an external CA.',
      }),
    );
  }
  return failures;
}
