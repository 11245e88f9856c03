import { describe, expect, it } from 'vitest';
import type { TimedFact } from './program.js';
import { rollSeconds, stepTimes, totalSeconds, waitTimes } from './run-figures.js';

const note = (atMs: number, message: string): TimedFact => ({ atMs, fact: { type: 'note', step: 'roll-workloads', target: 'cluster', message } });
const rolled = (atMs: number, workload: string, seconds: number): TimedFact =>
  note(atMs, `${workload} has rolled: proved after ${seconds.toFixed(1)} s (rule: R: client-go reads ca.crt once)`);
const ended = (step: string, ms: number): TimedFact => ({ atMs: 0, fact: { type: 'phase.ended', step, phase: 'apply', ms } });

describe('figures of a run', () => {
  it('adds up the phases of a step', () => {
    expect(stepTimes([ended('a', 1500), ended('b', 50), ended('a', 500)])).toEqual([
      { step: 'a', seconds: 2, phases: 'apply 1.5, apply 0.5' },
      { step: 'b', seconds: 0.05, phases: '' },
    ]);
  });

  it('reads what ended a wait', () => {
    expect(
      waitTimes([note(7000, 'kube-apiserver on cp1 accepts the incoming CA: proved after 12.3 s (rule: H: inotify, re-check every 60 s)'), note(8000, 'something else')]),
    ).toEqual([
      { step: 'roll-workloads', target: 'cluster', what: 'kube-apiserver on cp1 accepts the incoming CA', rule: 'H: inotify, re-check every 60 s', seconds: 12.3, endedAtMs: 7000 },
    ]);
  });

  it.each([
    ['one after the other', [rolled(10_000, 'DaemonSet kube-system/kube-proxy', 10), rolled(30_000, 'Deployment felt/felt-go', 20)], 20],
    ['two of ours at once', [rolled(30_000, 'Deployment felt/felt-go', 20), rolled(35_000, 'StatefulSet felt/felt-store', 20)], 25],
    ['while another rolls', [rolled(30_000, 'Deployment felt/felt-go', 20), rolled(15_000, 'Deployment kube-system/coredns', 15)], 15],
    ['none', [], 0],
  ])('takes off the roll of the own workloads: %s', (_name, facts, seconds) => {
    expect(rollSeconds(facts, 'felt')).toBe(seconds);
  });

  it('counts from the first fact to the last', () => {
    expect(totalSeconds([note(1000, ''), note(61_000, '')])).toBe(60);
    expect(totalSeconds([])).toBe(0);
  });
});
