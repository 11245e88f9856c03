/** check-cutover: is the cluster fit for a cutover, and what will it cut? Reads only; it stands at the beginning and once more at the barrier. */

import { z } from 'zod';
import { nodesWith } from '../../domain/cluster/inventory.js';
import { replacedTokenKeys } from '../../domain/cluster/token-keys.js';
import { materialOf } from '../../domain/cluster/material.js';
import { failure, type Failure } from '../../domain/errors.js';
import { recordsOf } from '../../domain/pki/certificate.js';
import { closedBudgets } from '../../operations/budgets.js';
import { gitops, quorum, ready, webhooks, witness } from '../../operations/cluster-fitness.js';
import { cutConnections } from '../../operations/cut-connections.js';
import { apiPort } from '../../operations/identity-probe.js';
import { readsOnly } from '../../operations/reads-only.js';
import { paceOf } from '../../operations/making-tokens-again.js';
import { obstaclesOf } from '../../operations/token-obstacles.js';
import { nameOf, tokenSecrets } from '../../operations/token-secrets.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  tolerateWebhooks: z.array(z.string()).default([]).describe('Names of webhook configurations with failurePolicy Fail that have been looked at and do not stand in the way.'),
  skipTokens: z.array(z.string()).default([]).describe('Token Secrets (namespace/name) that clear-service-account-tokens leaves alone too.'),
  tolerateBudgets: z.array(z.string()).default([]).describe('PodDisruptionBudgets (namespace/name) that allow no disruption, and whose pods are rolled by somebody else.'),
});

type Params = z.infer<typeof params>;

export const checkCutover: StepKind<Params> = {
  name: 'check-cutover',
  targets: 'cluster',
  params,
  ...readsOnly,

  async preflight(site, p) {
    const material = materialOf(site.inventory);
    if (!('ca' in material)) return [...material];
    return [
      ...witness(site),
      ...(await hosts(site)),
      ...(await ready(site)),
      ...(await quorum(site)),
      ...(await webhooks(site, p.tolerateWebhooks)),
      ...(await gitops(site)),
      ...(replacedTokenKeys(site.inventory).length === 0 ? [] : await tokens(site, p.skipTokens)),
      ...(await closedBudgets(site, p.tolerateBudgets)),
      ...(await lostNames(site)),
    ];
  },

  async apply(site) {
    if (replacedTokenKeys(site.inventory).length > 0) {
      const { length } = await tokenSecrets(site);
      const { tokensPerSecond, seconds } = paceOf(site.inventory, length);
      site.tell(
        `${length} token Secrets will be signed anew, for the key of their tokens goes with its leaf: holders get 401 until they read the new one. kube-controller-manager makes about ${tokensPerSecond} a second: about ${seconds} s`,
      );
    }
    for (const line of await cutConnections(site)) site.tell(line);
  },
};

/** Every host at once: what is put in place everywhere together must not begin without one. */
async function hosts(site: Site): Promise<Failure[]> {
  const found = await Promise.all(
    site.inventory.nodes.map(async ({ name }): Promise<Failure[]> => {
      try {
        await site.shells.to(name).must('true', limitsOf(site, 20_000));
        return [];
      } catch (error) {
        return [
          failure('node-absent', {
            target: name,
            summary: 'the host cannot be reached, and the cutover must not begin without it',
            cause: error instanceof Error ? error.message : String(error),
            nextAction: 'Nothing has changed. Bring it back, then run "rotate-ca resume".',
          }),
        ];
      }
    }),
  );
  return found.flat();
}

/** What the clearing of tokens could not write, or somebody else would fight over: found before anything is changed. */
async function tokens(site: Site, skipped: readonly string[]): Promise<Failure[]> {
  return (await tokenSecrets(site)).filter((secret) => !skipped.includes(nameOf(secret))).flatMap(obstaclesOf);
}

/** A name that is served and that no planned leaf has: leaves are issued with the names of the files, and another hand may have loaded others. */
async function lostNames(site: Site): Promise<Failure[]> {
  const material = materialOf(site.inventory);
  if (!('ca' in material)) return [];
  const at = nodesWith(site.inventory, 'control-plane').flatMap((node) => [
    { node, port: apiPort(node), what: 'kube-apiserver' },
    ...(node.components.some(({ name }) => name === 'etcd') ? [{ node, port: 2379, what: 'etcd' }] : []),
  ]);
  const found = await Promise.all(
    at.map(async ({ node, port, what }): Promise<Failure[]> => {
      const [leafPem = ''] = await site.tls.presentedBy({ host: node.internalIp, port }, limitsOf(site, 10_000));
      const [served] = recordsOf(leafPem);
      const planned = material.identities.find(({ leaf }) => leaf.spki === served?.spki)?.leaf.sans;
      const lost = (served?.sans ?? []).filter((san) => planned?.includes(san) !== true);
      if (planned !== undefined && lost.length === 0) return [];
      return [
        failure(planned === undefined ? 'leaf-not-presented' : 'san-lost', {
          target: node.name,
          summary: planned === undefined ? `${what} serves a leaf that is in no file of the plan` : `${what} serves names that its file does not have: ${lost.join(', ')}`,
          cause: 'the file was changed after it was loaded, or the leaf comes from somewhere else',
          nextAction: 'Put the leaf that is served back into its file, or restart the component with the right one; then plan again.',
        }),
      ];
    }),
  );
  return found.flat();
}
