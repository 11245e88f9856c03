import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab.js';
import { externalCountersUrl } from './external-client.js';
import { type FeltRecord, latestByRun, parseFeltRecord } from './felt-record.js';
import { feltSince, type FeltVerdict, judgeFelt } from './felt-verdict.js';
import { getJson } from './kube-objects.js';
import { counterPort } from './manifests.js';

const liveDeadlineMs = 2_000;
/** Enough for two fresh connections. */
const recoverWithinMs = 30_000;

interface ConfigMapList {
  readonly items: readonly { readonly data?: Readonly<Record<string, string>> }[];
}

interface PodList {
  readonly items: readonly { readonly status: { readonly podIP?: string; readonly phase?: string } }[];
}

/**
 * What every program felt: all runs that ever wrote their counters into the cluster, pods that were rolled meanwhile
 * included, and, of those that run now, the state of this moment by plain HTTP (it needs no certificate of the cluster,
 * so a program that can no longer write still tells why).
 */
export async function readCounters(lab: Lab): Promise<FeltRecord[]> {
  const [written, pods] = await Promise.all([
    getJson<ConfigMapList>(lab, ['configmaps', '-A', '-l', 'felt=counters']),
    getJson<PodList>(lab, ['pods', '-A', '-l', 'felt=program']),
  ]);
  const records = written.items.flatMap(({ data }) => Object.values(data ?? {}).map(parseFeltRecord));
  const addresses = pods.items.flatMap(({ status }) => (status.phase === 'Running' && status.podIP !== undefined ? [status.podIP] : []));
  const urls = [...addresses.map((address) => `http://${address}:${counterPort}/counters`), externalCountersUrl(lab)];
  const live = await Promise.all(urls.map(readLive));
  return latestByRun([...records, ...live.filter((record) => record !== undefined)]);
}

/**
 * What was felt since `before` was read. As long as something fails, or is not heard of, it is read again: at any one moment a program
 * may be between a failure that passes and its next try.
 */
export async function feltUntilNow(lab: Lab, before: readonly FeltRecord[]): Promise<FeltVerdict> {
  const endsAtMs = Date.now() + recoverWithinMs;
  for (;;) {
    const verdict = judgeFelt(feltSince(before, await readCounters(lab)), Date.now());
    if ((verdict.unrecovered.length === 0 && verdict.vanished.length === 0) || Date.now() >= endsAtMs) return verdict;
    await sleep(1_000);
  }
}

/** Nothing when it does not answer: the written record is then the newest that there is, and it will look silent. */
async function readLive(url: string): Promise<FeltRecord | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(liveDeadlineMs) });
    return parseFeltRecord(await response.text());
  } catch {
    return undefined;
  }
}
