/** When a bundle had reached every namespace, and which pods were there then: they may have read the one before. */

import type { Site } from '../ports/step-kind.js';
import { fail } from '../domain/errors.js';
import { bundlePem, type CaName } from './trust-bundles.js';
import { limitsOf, waitFor } from './waiting.js';

type Reading = Pick<Site, 'artefacts' | 'run'>;

export interface Publication {
  /** Unix ms, by our clock. */
  readonly atMs: number;
  /** UIDs of the pods that were there. undefined: not recorded, start times decide. */
  readonly pods: ReadonlySet<string> | undefined;
}

const name = (trusts: readonly CaName[], attempt: number): string => `published-${trusts.join('+')}-${attempt}.txt`;

/** Of this attempt or, where its step was not taken back, of an earlier one. */
export function publicationOf(site: Reading, trusts: readonly CaName[]): Publication | undefined {
  for (let attempt = site.run.attempt; attempt > 0; attempt--) {
    const text = site.artefacts.get(name(trusts, attempt));
    if (text === undefined) continue;
    const [at = '', ...pods] = text.trim().split('\n');
    return { atMs: Date.parse(at), pods: pods.length === 0 ? undefined : new Set(pods) };
  }
  return undefined;
}

/** Unix ms. */
export function publishedAtMs(site: Reading, trusts: readonly CaName[]): number | undefined {
  return publicationOf(site, trusts)?.atMs;
}

export function isPublished(site: Reading, trusts: readonly CaName[]): boolean {
  return site.artefacts.get(name(trusts, site.run.attempt)) !== undefined;
}

/** Written once in an attempt: a second apply does not make pods look older than they are. The first line is the time, each other one the UID of a pod. */
export async function recordPublished(site: Reading & Pick<Site, 'now' | 'access' | 'signal'>, trusts: readonly CaName[]): Promise<void> {
  if (isPublished(site, trusts)) return;
  const at = new Date(site.now()).toISOString();
  const pods = await site.access.kube().list({ apiVersion: 'v1', kind: 'Pod' }, { deadlineMs: 20_000, signal: site.signal });
  const uids = pods.flatMap((pod) => (pod.metadata.uid === undefined ? [] : [pod.metadata.uid])).sort();
  site.artefacts.put(name(trusts, site.run.attempt), `${[at, ...uids].join('\n')}\n`);
}

/** Waits until all is published, and records when. Throws trust-not-loaded. */
export async function awaitPublished(site: Site, trusts: readonly CaName[]): Promise<void> {
  const failures = await waitFor(
    site,
    {
      what: `every kube-root-ca.crt and every service-account-token Secret holds: ${trusts.join(' + ')}`,
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
      const late = await unpublished(site, trusts);
      return late.length === 0 ? true : `${late.length} objects hold something else, ${late[0] ?? ''} for one`;
    },
  );
  const [first] = failures;
  if (first !== undefined) fail(first.code, first);
  await recordPublished(site, trusts);
}

/** Objects that kube-controller-manager has not written yet as it will, in words. */
export async function unpublished(site: Pick<Site, 'access' | 'artefacts' | 'target' | 'signal' | 'deadlineAtMs' | 'now'>, trusts: readonly CaName[]): Promise<string[]> {
  const wanted = bundlePem(site, trusts);
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
