import { type Activity, activityNames, type FeltError, type FeltRecord } from './felt-record.js';

/** What all programs together felt. */
export interface FeltVerdict {
  readonly runs: number;
  readonly ok: number;
  readonly failed: number;
  readonly byClass: Readonly<Record<string, number>>;
  readonly longestFailureMs: number;
  /** `name activity`: still failing when last heard of. */
  readonly unrecovered: readonly string[];
  /** Runs that stopped reporting without having been asked to end. */
  readonly vanished: readonly string[];
  readonly errors: readonly (FeltError & { readonly name: string })[];
}

const silentAfterMs = 15_000;

/** What happened after `before` was read: its counts are taken off, its errors and the runs that were over then left out. */
export function feltSince(before: readonly FeltRecord[], after: readonly FeltRecord[]): FeltRecord[] {
  const readAt = Math.max(...before.map(({ at }) => at));
  return after.flatMap((record) => {
    const base = before.find((known) => known.name === record.name && known.startedAt === record.startedAt);
    if (base === undefined) return [record];
    if (base.endedBy !== '' || readAt - base.at > silentAfterMs) return [];
    const since = (name: (typeof activityNames)[number]): Activity => subtract(record.activities[name], base.activities[name], base.at);
    const later = {
      ...record,
      activities: { write: since('write'), watch: since('watch'), fresh: since('fresh') },
      errors: record.errors.filter(({ at }) => at > base.at),
    };
    return [later];
  });
}

function subtract(after: Activity, before: Activity, beforeAt: number): Activity {
  const byClass = Object.fromEntries(
    Object.entries(after.byClass)
      .map(([kind, count]): [string, number] => [kind, count - (before.byClass[kind] ?? 0)])
      .filter(([, count]) => count > 0),
  );
  return {
    ...after,
    ok: after.ok - before.ok,
    failed: after.failed - before.failed,
    byClass,
    longestFailureMs: after.longestFailureAt + after.longestFailureMs > beforeAt ? after.longestFailureMs : 0,
    events: after.events - before.events,
  };
}

export function judgeFelt(records: readonly FeltRecord[], nowMs: number): FeltVerdict {
  const byClass: Record<string, number> = {};
  let ok = 0;
  let failed = 0;
  let longestFailureMs = 0;
  const unrecovered: string[] = [];
  for (const record of records) {
    for (const name of activityNames) {
      const activity = record.activities[name];
      ok += activity.ok;
      failed += activity.failed;
      longestFailureMs = Math.max(longestFailureMs, activity.longestFailureMs);
      for (const [kind, count] of Object.entries(activity.byClass)) byClass[kind] = (byClass[kind] ?? 0) + count;
      if (activity.failingSince > 0) unrecovered.push(`${record.name} ${name}`);
    }
  }
  return {
    runs: records.length,
    ok,
    failed,
    byClass,
    longestFailureMs,
    unrecovered,
    vanished: records.filter(({ endedBy, at }) => endedBy === '' && nowMs - at > silentAfterMs).map(({ name }) => name),
    errors: records.flatMap(({ name, errors }) => errors.map((error) => ({ ...error, name }))).sort((a, b) => a.at - b.at),
  };
}
