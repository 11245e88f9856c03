import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FailureParts, failure } from '../../domain/errors.js';
import { untouched } from '../../domain/run/progress.js';
import type { Availability, Failed } from '../rehearse-availability.js';
import { changedFiles, differencesOf } from './footprint.js';
import { describeEnd, isHalted, lostRequests, wrongEnd } from './judge.js';
import type { StepEnd } from './step-drive.js';

const good: FailureParts = { target: 'w1', summary: 's', cause: 'c', nextAction: 'n' };
const halted = (parts: FailureParts[]): StepEnd => {
  const progress = { ...untouched, failure: { step: 'a', phase: 'apply' as const, direction: 'forward' as const, failures: parts.map((one) => failure('disk-full', one)) } };
  return {
    view: {
      value: 'halted',
      isWaiting: true,
      isBusy: false,
      isEnded: false,
      progress,
      plan: {} as never,
      isWithoutApi: false,
      gate: undefined,
      defect: undefined,
      can: () => false,
    },
  };
};

describe('an end', () => {
  it.each([
    ['halted, all said', halted([good]), undefined],
    ['halted, no cause', halted([good, { ...good, cause: '' }]), 'a failure says no cause'],
    ['halted, no next action', halted([{ ...good, nextAction: ' ' }]), 'a failure says no nextAction'],
    ['halted, nothing said', halted([]), 'it halted and says no reason'],
    ['not begun, all said', { failures: [failure('api-unreachable', good)] }, undefined],
    ['not begun, a defect of ours', { failures: [failure('internal', good)] }, 'a defect'],
    ['thrown', { defect: new Error('broken here') }, 'broken here'],
  ])('%s', (_, end, wrong) => {
    if (wrong === undefined) expect(wrongEnd(end)).toBeUndefined();
    else expect(wrongEnd(end)).toContain(wrong);
  });

  it('is told in one line', () => {
    expect(describeEnd(halted([{ ...good, cause: 'a\nb' }]))).toBe('disk-full at w1: s: a b');
    expect(isHalted(halted([good]))).toBe(true);
  });
});

describe('requests that failed', () => {
  const timeout = 'no answer (127.77.0.1:6443): ETIMEDOUT: no answer within 1000 ms';
  const failed: Failed[] = [
    { atMs: 100, untilMs: 1_100, place: 'cp1', reason: timeout },
    { atMs: 2_000, untilMs: 3_000, place: 'load balancer', reason: timeout },
    { atMs: 5_000, untilMs: 5_010, place: 'load balancer', reason: 'HTTP 500' },
    { atMs: 9_000, untilMs: 9_010, place: 'cp1', reason: 'ECONNREFUSED' },
  ];
  const availability = { failures: () => failed } as unknown as Availability;
  const stalls = (from: number, to: number) => ({ between: (a: number, b: number) => a <= to && b >= from, stop: () => undefined });

  it.each([
    ['all of them', 0, undefined, stalls(-9, -8), [100, 2_000, 5_000, 9_000]],
    ['of before are not counted', 3_000, undefined, stalls(-9, -8), [5_000, 9_000]],
    ['in the time of an outage are not counted', 0, { fromMs: 1_900, toMs: 6_000 }, stalls(-9, -8), [100, 9_000]],
    ['under way as an outage began are not counted', 0, { fromMs: 2_900, toMs: 4_000 }, stalls(-9, -8), [100, 5_000, 9_000]],
    ['without an answer, while the machine stood still, are not counted', 0, undefined, stalls(2_500, 2_900), [100, 5_000, 9_000]],
    ['with an answer count whatever the machine did', 0, undefined, stalls(0, 99_000), [5_000, 9_000]],
  ])('%s', (_, sinceMs, excused, control, lost) => {
    expect(lostRequests({ availability, stalls: control }, sinceMs, excused).map(({ atMs }) => atMs)).toEqual(lost);
  });
});

describe('two snapshots of a node', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rotate-ca-footprint-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function put(snapshot: string, files: Readonly<Record<string, string>>): string {
    for (const [path, text] of Object.entries(files)) {
      const at = join(folder, snapshot, 'files', path);
      mkdirSync(dirname(at), { recursive: true });
      writeFileSync(at, text);
    }
    return join(folder, snapshot);
  }

  it('differ in content, mode and by what is there; what kubelets and etcd keep is left out', () => {
    const own = { 'var/lib/kubelet/pki/x.pem': 'a', 'var/log/pods/x': 'a', 'var/lib/etcd/x': 'a' };
    const before = put('a', { ...own, 'etc/a': '1', 'etc/b': '2', 'etc/c': '3', 'etc/d': '4' });
    const after = put('b', { 'etc/a': 'x', 'etc/b': '2', 'etc/d': '4', 'var/lib/rotate-ca/run/y': '5' });
    chmodSync(join(after, 'files/etc/d'), 0o600);
    expect(differencesOf(before, after)).toEqual(['/etc/a has another content', '/etc/c is gone', '/etc/d has another mode', '/var/lib/rotate-ca/run/y was left']);
    expect(changedFiles(before, after)).toEqual([{ path: '/etc/a', before: Buffer.from('1').toString('base64') }]);
  });
});
