import { describe, expect, it } from 'vitest';
import { formatSummary, type ProbeRow, type ProbeSummary, parseSummary, totalsBy } from './summary.js';

function row(part: Partial<ProbeRow>): ProbeRow {
  return {
    class: 'a',
    target: 'lb',
    kind: 'fresh',
    sent: 0,
    failed: 0,
    failures: {},
    reconnects: 0,
    skipped: 0,
    longestLagMs: 0,
    longestGapMs: 0,
    longestGapAt: 0,
    firstAt: 0,
    lastAt: 0,
    p50Ms: 0,
    p99Ms: 0,
    maxMs: 0,
    presented: [],
    ...part,
  };
}

function summary(rows: readonly ProbeRow[]): ProbeSummary {
  const count = (field: 'sent' | 'failed'): number => rows.reduce((total, line) => total + line[field], 0);
  return { complete: true, startedAt: 0, at: 60_000, cpuSeconds: 6, cpuPercent: 10, sent: count('sent'), failed: count('failed'), skipped: 0, rows, events: [] };
}

describe('the summary of the prober', () => {
  it('is refused when it is something else', () => {
    expect(() => parseSummary('{"pods": []}')).toThrow('not a summary');
  });

  it('adds up rows by class and keeps the worst gap', () => {
    const rows = [row({ sent: 10, longestGapMs: 60 }), row({ target: 'cp1', sent: 5, failed: 2, longestGapMs: 300 }), row({ class: 'b', sent: 1 })];
    const [a, b] = totalsBy(summary(rows), 'class');
    expect(a).toMatchObject({ name: 'a', sent: 15, failed: 2, longestGapMs: 300 });
    expect(b).toMatchObject({ name: 'b', sent: 1, failed: 0 });
  });

  it('ends with one line that counts everything', () => {
    const text = formatSummary(summary([row({ sent: 10, failed: 1 }), row({ class: 'bb', sent: 5 })]));
    expect(text.split('\n').at(-1)).toBe('1 of 15 probes failed in 60 s, 0 not sent in time; prober 10 % of a core');
  });
});
