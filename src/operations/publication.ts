/** When a bundle had reached every namespace: pods that started later have read it. */

import type { Site } from '../ports/step-kind.js';
import type { CaName } from './trust-bundles.js';

type Reading = Pick<Site, 'artefacts' | 'run'>;

const name = (trusts: readonly CaName[], attempt: number): string => `published-${trusts.join('+')}-${attempt}.txt`;

/** Unix ms, of this attempt or, where its step was not taken back, of an earlier one. */
export function publishedAtMs(site: Reading, trusts: readonly CaName[]): number | undefined {
  for (let attempt = site.run.attempt; attempt > 0; attempt--) {
    const text = site.artefacts.get(name(trusts, attempt));
    if (text !== undefined) return Date.parse(text.trim());
  }
  return undefined;
}

export function isPublished(site: Reading, trusts: readonly CaName[]): boolean {
  return site.artefacts.get(name(trusts, site.run.attempt)) !== undefined;
}

/** Written once in an attempt: a second apply does not make pods look older than they are. */
export function recordPublished(site: Reading & Pick<Site, 'now'>, trusts: readonly CaName[]): void {
  if (!isPublished(site, trusts)) site.artefacts.put(name(trusts, site.run.attempt), `${new Date(site.now()).toISOString()}\n`);
}
