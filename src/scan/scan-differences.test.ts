import { describe, expect, it } from 'vitest';
import type { CalledServer, Inventory, PodHolder } from '../domain/cluster/inventory.js';
import { scanDifferences } from './scan-differences.js';

const leaf = (name: string) => ({ fingerprint: name.padEnd(16, '0'), subject: `CN=${name}` });
const pod = (name: string, more: Partial<PodHolder> = {}): PodHolder =>
  ({
    namespace: 'app',
    name,
    node: 'w1',
    serviceAccount: 'web',
    owner: 'Deployment/web',
    startedAtMs: 1,
    images: [],
    mounts: ['ConfigMap kube-root-ca.crt'],
    token: 'bound',
    ...more,
  }) as PodHolder;
const called = (presents: string | undefined): CalledServer[] => [
  { kind: 'ValidatingWebhookConfiguration', name: 'guard', field: '/webhooks/0', host: 'guard.app.svc', isUnverified: false, ...(presents === undefined ? {} : { presents }) },
];
const scan = (presents: Record<string, string>, more: Partial<Inventory> = {}): Inventory =>
  ({
    cluster: { uid: 'u', server: 's', version: 'v' },
    nodes: [
      {
        name: 'cp1',
        roles: [],
        internalIp: '',
        kubeletVersion: '',
        files: [{ path: '/a', kind: 'leaf', certificates: [leaf('one')], mode: '', uid: 0, gid: 0 }],
        components: [{ name: 'kube-apiserver', version: '', flags: {}, presents }],
      },
    ],
    objects: [],
    pods: [],
    called: [],
    ...more,
  }) as unknown as Inventory;
const one = leaf('one').fingerprint;
const two = leaf('two').fingerprint;

describe('two scans', () => {
  it.each<[string, Inventory, Inventory, string[]]>([
    ['alike', scan({ 6443: one }, { pods: [pod('web-1')] }), scan({ 6443: one }, { pods: [pod('web-2', { startedAtMs: 9 }), pod('web-3')] }), []],
    [
      'a listener with another leaf',
      scan({ 6443: one }),
      scan({ 6443: two }),
      ['listener cp1: kube-apiserver@cp1 :6443 presented "CN=one" (SHA-256 one0000000000000) and presents a leaf (SHA-256 two0000000000000)'],
    ],
    ['a listener that did not answer once', scan({}), scan({ 6443: two }), []],
    [
      'a called server with another leaf',
      scan({}, { called: called(one) }),
      scan({}, { called: called(two) }),
      [
        'listener ValidatingWebhookConfiguration guard: guard.app.svc, which ValidatingWebhookConfiguration guard calls, presented "CN=one" (SHA-256 one0000000000000) and presents a leaf (SHA-256 two0000000000000)',
      ],
    ],
    ['a called server that could not be asked', scan({}, { called: called(undefined) }), scan({}, { called: called(two) }), []],
    [
      'a workload that mounts another bundle',
      scan({}, { pods: [pod('web-1')] }),
      scan({}, { pods: [pod('web-2', { mounts: ['Secret own'] })] }),
      ['pod pods of app/Deployment/web: pods of app/Deployment/web: they held ConfigMap kube-root-ca.crt, they hold Secret own'],
    ],
    [
      'a workload that lives on a legacy token now',
      scan({}, { pods: [pod('web-1')] }),
      scan({}, { pods: [pod('web-1', { token: 'legacy' })] }),
      ['pod pods of app/Deployment/web: pods of app/Deployment/web: they held a bound token of web, they hold a legacy token of web'],
    ],
    [
      'a pod that nothing makes, gone',
      scan({}, { pods: [pod('hand', { owner: '', token: 'none' })] }),
      scan({}),
      ['pod pods of app/Pod/hand: pods of app/Pod/hand: they are gone; they held ConfigMap kube-root-ca.crt'],
    ],
    ['one that holds nothing', scan({}), scan({}, { pods: [pod('x', { mounts: [], token: 'none' })] }), []],
    ['a scan that did not look at pods', { ...scan({}), pods: undefined } as unknown as Inventory, scan({}, { pods: [pod('x')] }), []],
  ])('%s', (_, before, after, expected) => expect(scanDifferences(before, after).map(({ kind, target, text }) => `${kind} ${target}: ${text}`)).toEqual(expected));
});
