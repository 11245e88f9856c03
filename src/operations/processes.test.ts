import { describe, expect, it } from 'vitest';
import { flagOf, parseProcesses, type Process } from './processes.js';
import { runsWhatIsOnDisk } from './static-pod.js';

const output = `P 41 1000
A kube-controller-manager
A --root-ca-file=/a b
M aa /etc/kubernetes/controller-manager.conf
K /etc/kubernetes/controller-manager.conf
P 42 5000
A /usr/local/bin/kube-controller-manager
C 4.250 /etc/kubernetes/controller-manager.conf
L 2811
`;

describe('parseProcesses', () => {
  it('reads processes, the youngest first, with what each of them sees', () => {
    const [young, old] = parseProcesses(output);
    expect([young?.pid, young?.startedAtMs, old?.pid]).toEqual([42, 5000, 41]);
    expect(old?.args).toEqual(['kube-controller-manager', '--root-ca-file=/a b']);
    expect(flagOf(old as Process, 'root-ca-file')).toBe('/a b');
    expect(old?.mounted.get('/etc/kubernetes/controller-manager.conf')).toBe('aa');
    expect([...(old?.kept ?? [])]).toEqual(['/etc/kubernetes/controller-manager.conf']);
    expect(young?.changedAtMs.get('/etc/kubernetes/controller-manager.conf')).toBe(4250);
    expect(young?.listening.has(10257)).toBe(true);
  });

  it('finds none in nothing', () => expect(parseProcesses('')).toEqual([]));
});

const manifest = 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n  - command:\n    - kube-scheduler\n    - --a=1\n    image: x\n';
const conf = '/etc/kubernetes/scheduler.conf';
const running: Process = {
  pid: 1,
  startedAtMs: 2000,
  args: ['kube-scheduler', '--a=1'],
  mounted: new Map([[conf, 'h']]),
  kept: new Set(),
  changedAtMs: new Map([[conf, 1000]]),
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
    ['older, but it keeps an inode of the same content', [{ ...running, startedAtMs: 500, kept: new Set([conf]) }], true],
    ['it keeps an inode of other content', [{ ...running, startedAtMs: 500, kept: new Set([conf]), mounted: new Map([[conf, 'other']]) }], /sees another/],
    ['it does not see the file', [{ ...running, mounted: new Map() }], /sees another/],
    ['no port', [{ ...running, listening: new Set([10257]) }], /does not listen on 10259/],
  ])('%s', (_, processes, expected) => {
    const answer = runsWhatIsOnDisk('kube-scheduler', { processes, manifest, files: new Map([[conf, 'h']]) });
    if (expected === true) expect(answer).toBe(true);
    else expect(answer).toMatch(expected);
  });
});
