import { describe, expect, it } from 'vitest';
import { flagOf, parseLook, type Process } from './processes.js';
import { runsWhatIsOnDisk } from './static-pod.js';

const conf = '/etc/kubernetes/controller-manager.conf';
const stat = (ticks: number): string => `S 1 41 41 0 -1 4194304 ${'0 '.repeat(12)}${ticks} 0 0`;
const [aa, bb] = ['a'.repeat(64), 'b'.repeat(64)];
const output = `T 1000.500000000 100.00
P 41 ${stat(1000)}
A kube-controller-manager
A --root-ca-file=/a b
P 42 ${stat(5000)}
A /usr/local/bin/kube-controller-manager
S 8:1 903.100 /a link
S 8:7 900.250 ${conf}
S 8:8 904.200 /a link
S 8:6 900.250 /proc/41/root${conf}
S 8:7 900.250 /proc/42/root${conf}
${bb}  ${conf}
${aa}  /proc/41/root${conf}
${bb}  /proc/42/root${conf}
X kind: Pod
X
L 2811
`;

describe('parseLook', () => {
  it('reads processes, the youngest first, with what each of them sees', () => {
    const { processes, text } = parseLook(output);
    const [young, old] = processes;
    expect([young?.pid, young?.startedAtMs, young?.ageMs, old?.pid]).toEqual([42, 950_490, 50_010, 41]);
    expect(old?.args).toEqual(['kube-controller-manager', '--root-ca-file=/a b']);
    expect(flagOf(old as Process, 'root-ca-file')).toBe('/a b');
    expect([...(old?.mounted ?? [])]).toEqual([[conf, aa]]);
    expect([...(old?.onDisk ?? [])]).toEqual([[conf, bb]]);
    expect([[...(old?.kept ?? [])], [...(young?.kept ?? [])]]).toEqual([[conf], []]);
    expect([...(young?.changedAtMs ?? [])]).toEqual([
      ['/a link', 904_200],
      [conf, 900_250],
    ]);
    expect(young?.listening.has(10257)).toBe(true);
    expect(text).toBe('kind: Pod\n\n');
  });

  it('a process never looks younger than it is, to a tick, whatever was cut', () => {
    // Started at 100.0199 s after boot, seen at 100.0299 s: the kernel shows 10001 ticks and 100.02 s.
    const [process] = parseLook(`T 1000.029900000 100.02\nP 1 ${stat(10_001)}\n`).processes;
    expect(process?.startedAtMs).toBeLessThanOrEqual(1_000_019);
  });

  it('finds none in nothing', () => expect(parseLook('')).toEqual({ processes: [], text: undefined }));
});

const manifest = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - command:\n    - kube-scheduler\n    - --a=1\n    image: x\n';
const scheduler = '/etc/kubernetes/scheduler.conf';
const running: Process = {
  pid: 1,
  startedAtMs: 2000,
  ageMs: 1000,
  args: ['kube-scheduler', '--a=1'],
  mounted: new Map([[scheduler, 'h']]),
  kept: new Set(),
  changedAtMs: new Map([[scheduler, 1000]]),
  onDisk: new Map([[scheduler, 'h']]),
  listening: new Set([10259]),
};

describe('runsWhatIsOnDisk', () => {
  it.each<[string, Process[], true | RegExp]>([
    ['as on disk', [running], true],
    ['none', [], /is not running/],
    ['two', [running, running], /runs 2 times/],
    ['another flag', [{ ...running, args: ['kube-scheduler', '--a=2'] }], /runs with --a=2, not 1/],
    ['a flag missing', [{ ...running, args: ['kube-scheduler'] }], /runs with --a=, not 1/],
    ['older than its file', [{ ...running, startedAtMs: 1000 }], /started before/],
    ['older, but it keeps an inode of the same content', [{ ...running, startedAtMs: 500, kept: new Set([scheduler]) }], true],
    ['it keeps an inode of other content', [{ ...running, startedAtMs: 500, kept: new Set([scheduler]), mounted: new Map([[scheduler, 'other']]) }], /sees another/],
    ['it does not see the file', [{ ...running, mounted: new Map() }], /sees another/],
    ['no port', [{ ...running, listening: new Set([10257]) }], /does not listen on 10259/],
  ])('%s', (_, processes, expected) => {
    const answer = runsWhatIsOnDisk('kube-scheduler', { processes, manifest, files: [scheduler] });
    if (expected === true) expect(answer).toBe(true);
    else expect(answer).toMatch(expected);
  });
});
