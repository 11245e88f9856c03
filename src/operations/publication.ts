/** When a bundle had reached every namespace, and which pods were there then: they may have read the one before. */

import type { Site } from '../ports/step-kind.js';
import type { CaName } from './trust-bundles.js';

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
