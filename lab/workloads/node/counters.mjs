const errorsKept = 20;
const verificationCodes = /CERT|UNABLE_TO_|SELF_SIGNED|ERR_TLS|ERR_SSL/;

/** Names the kind of a failure, in the words that all three languages use. */
export function classify(error) {
  if (error.status === 401 || error.status === 403) return String(error.status);
  if (verificationCodes.test(error.code ?? '')) return 'x509';
  if (/timeout/i.test(error.message) || error.code === 'ETIMEDOUT') return 'timeout';
  if (/^E[A-Z]+$/.test(error.code ?? '') || /socket|aborted/.test(error.message)) return 'connection';
  return 'other';
}

/** What the program felt; the same JSON as in Go. */
export class Counters {
  constructor(identity) {
    this.identity = identity;
    this.startedAt = Date.now();
    this.endedBy = '';
    this.errors = [];
    this.activities = Object.fromEntries(['write', 'watch', 'fresh'].map((name) => [name, emptyActivity()]));
  }

  succeeded(name) {
    const activity = this.activities[name];
    activity.ok += 1;
    activity.lastOkAt = Date.now();
    if (activity.failingSince > 0) {
      lengthen(activity);
      activity.failingSince = 0;
    }
  }

  failed(name, began, error) {
    const activity = this.activities[name];
    const kind = classify(error);
    activity.failed += 1;
    activity.byClass[kind] = (activity.byClass[kind] ?? 0) + 1;
    if (activity.failingSince === 0) activity.failingSince = began;
    lengthen(activity);
    const text = `${error.code ?? ''} ${error.message}`.trim().slice(0, 240);
    this.errors = [...this.errors, { at: Date.now(), activity: name, class: kind, text }].slice(-errorsKept);
  }

  heard(silenceMs) {
    const { watch } = this.activities;
    watch.events += 1;
    watch.longestSilenceMs = Math.max(watch.longestSilenceMs, silenceMs);
  }

  /** Whether the last try of any activity failed. */
  get isFailing() {
    return Object.values(this.activities).some((activity) => activity.failingSince > 0);
  }

  json() {
    const failing = Object.values(this.activities).filter((activity) => activity.failingSince > 0);
    for (const activity of failing) lengthen(activity);
    return JSON.stringify({
      ...this.identity,
      startedAt: this.startedAt,
      at: Date.now(),
      endedBy: this.endedBy,
      recovered: failing.length === 0,
      activities: this.activities,
      errors: this.errors,
    });
  }
}

function emptyActivity() {
  return { ok: 0, failed: 0, byClass: {}, failingSince: 0, longestFailureMs: 0, longestFailureAt: 0, lastOkAt: 0, events: 0, longestSilenceMs: 0 };
}

function lengthen(activity) {
  const lasted = Date.now() - activity.failingSince;
  if (lasted > activity.longestFailureMs) {
    activity.longestFailureMs = lasted;
    activity.longestFailureAt = activity.failingSince;
  }
}
