import { describe, expect, it } from 'vitest';
import { type Activity, type FeltRecord, latestByRun, parseFeltRecord } from './felt-record.js';
import { feltSince, judgeFelt } from './felt-verdict.js';

function activity(part: Partial<Activity> = {}): Activity {
  return { ok: 0, failed: 0, byClass: {}, failingSince: 0, longestFailureMs: 0, longestFailureAt: 0, lastOkAt: 0, events: 0, longestSilenceMs: 0, ...part };
}

function record(part: Partial<FeltRecord> = {}): FeltRecord {
  return {
    name: 'felt-go-1',
    workload: 'felt-go',
    language: 'go',
    node: 'w1',
    caSha256: '',
    startedAt: 1,
    at: 1000,
    endedBy: '',
    recovered: true,
    activities: { write: activity(), watch: activity(), fresh: activity() },
    errors: [],
    ...part,
  };
}

describe('records of felt programs', () => {
  it('are refused when they are something else', () => {
    expect(() => parseFeltRecord('{"name":"x"}')).toThrow('not a record');
    expect(parseFeltRecord(JSON.stringify(record())).name).toBe('felt-go-1');
  });

  it('count once for each run, at their latest', () => {
    const records = latestByRun([record({ at: 5 }), record({ at: 9 }), record({ startedAt: 2, at: 3 })]);
    expect(records.map(({ startedAt, at }) => [startedAt, at])).toEqual([
      [1, 9],
      [2, 3],
    ]);
  });
});

describe('the verdict', () => {
  it('counts only what came after the first reading', () => {
    const before = record({
      at: 1000,
      activities: { write: activity({ ok: 10, failed: 1, byClass: { timeout: 1 }, longestFailureAt: 100, longestFailureMs: 50 }), watch: activity(), fresh: activity() },
    });
    const after = record({
      at: 9000,
      activities: { write: activity({ ok: 18, failed: 1, byClass: { timeout: 1 }, longestFailureAt: 100, longestFailureMs: 50 }), watch: activity({ ok: 1 }), fresh: activity() },
    });
    expect(judgeFelt(feltSince([before], [after]), 9000)).toMatchObject({ ok: 9, failed: 0, byClass: {}, longestFailureMs: 0, unrecovered: [], vanished: [] });
  });

  it('leaves out runs that were over before', () => {
    const over = record({ name: 'over', at: 1000, endedBy: 'SIGTERM' });
    const silent = record({ name: 'silent', at: 1000 });
    const alive = record({ name: 'alive', at: 100_000 });
    expect(feltSince([over, silent, alive], [over, silent, { ...alive, at: 101_000 }]).map(({ name }) => name)).toEqual(['alive']);
  });

  it('names who has not recovered, and who fell silent without being asked to end', () => {
    const failing = record({
      at: 100_000,
      activities: { write: activity({ failed: 3, byClass: { x509: 3 }, failingSince: 90_000, longestFailureMs: 10_000 }), watch: activity(), fresh: activity() },
    });
    const silent = record({ name: 'gone', at: 50_000 });
    const rolled = record({ name: 'rolled', at: 50_000, endedBy: 'SIGTERM' });
    const verdict = judgeFelt([failing, silent, rolled], 100_000);
    expect(verdict).toMatchObject({ failed: 3, byClass: { x509: 3 }, unrecovered: ['felt-go-1 write'], vanished: ['gone'] });
  });
});
