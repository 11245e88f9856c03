import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CertificateRecord, FileRecord, Inventory, NodeRecord } from '../cluster/inventory.js';
import type { CredentialUse } from './credential-use.js';
import type { ShadowInput } from './holders.js';
import { missingAcks, shadowOf } from './shadow.js';

const hex = (name: string): string => Buffer.from(name.padEnd(32, '.')).toString('hex').slice(0, 64);
const record = (name: string, issuer: string, isCa = false): CertificateRecord => ({
  fingerprint: hex(name),
  spki: hex(name),
  subject: `CN=${name.split('#')[0]}`,
  issuer: `CN=${issuer}`,
  serial: '01',
  ski: '',
  aki: '',
  notBeforeMs: 0,
  notAfterMs: 9e12,
  isCa,
  keyType: 'ecdsa-p256',
  sans: [],
  usages: [],
});
const outgoing = record('outgoing', 'outgoing', true);
const file = (path: string, leaf: CertificateRecord): FileRecord => ({ path, kind: 'kubeconfig', sha256: '', mode: '0600', uid: 0, gid: 0, certificates: [], client: leaf });
const node = (name: string, internalIp: string, files: readonly FileRecord[]): NodeRecord =>
  ({ name, internalIp, files, roles: [], host: { name, sshHost: internalIp, become: true }, kubeletVersion: '', components: [], tools: {} }) as unknown as NodeRecord;
const inventory = (nodes: readonly NodeRecord[]): Inventory =>
  ({ takenAt: '2026-12-01T10:00:00Z', nodes, objects: [], cluster: { uid: 'u', server: '', version: '' }, apiVersion: 'rotate-ca/v1', kind: 'Inventory' }) as Inventory;
const at = (hour: number): number => Date.parse(`2026-12-01T${String(hour).padStart(2, '0')}:00:00Z`);
const use = (user: string, name: string, address: string, more: Partial<CredentialUse> = {}): CredentialUse => ({
  user,
  fingerprint: name === '' ? '' : hex(name),
  userAgent: 'kubectl/v1.34.4',
  address,
  firstMs: at(8),
  lastMs: at(11),
  ...more,
});

const admin = '/etc/kubernetes/admin.conf';
const before = inventory([
  node('cp1', '10.0.0.1', [file(admin, record('kubernetes-admin#1', 'outgoing')), file('/etc/kubernetes/scheduler.conf', record('system:kube-scheduler#1', 'outgoing'))]),
]);
const now = inventory([
  node('cp1', '10.0.0.1', [file(admin, record('kubernetes-admin#2', 'incoming')), file('/etc/kubernetes/scheduler.conf', record('system:kube-scheduler#2', 'incoming'))]),
]);
const world: ShadowInput = {
  outgoing,
  now,
  before,
  others: [],
  uses: [],
  former: [],
  connections: [],
  ownAddresses: [],
  namesCredentials: true,
  pods: [],
  signsSinceMs: at(10),
  acknowledged: [],
  unseen: [],
};
const balanced = [use('system:node:w1', 'w1', '10.0.0.9', { lastMs: at(9) }), use('system:node:w2', 'w2', '10.0.0.9', { lastMs: at(9) })];
const ids = (input: Partial<ShadowInput>): string[] =>
  shadowOf({ ...world, ...input }).holders.map(({ id, asksAck }) => `${id.replace(/\/[0-9a-f]{8}$/, '')}${asksAck ? '' : ' (no ack)'}`);

describe('who would fail', () => {
  it.each<[string, Partial<ShadowInput>, string[]]>([
    ['nobody, where nothing is used', {}, []],
    ['a person whom nobody knows', { uses: [use('alice', 'alice', '192.0.2.7')] }, ['alice']],
    ['whoever has a leaf of the incoming CA goes on', { uses: [use('kubernetes-admin', 'kubernetes-admin#2', '192.0.2.7')] }, []],
    ['what a component had before, from its node, was replaced', { uses: [use('system:kube-scheduler', 'system:kube-scheduler#1', '10.0.0.1')] }, []],
    ['a copy of what a component had, from elsewhere', { uses: [use('system:kube-scheduler', 'system:kube-scheduler#1', '192.0.2.7')] }, ['system:kube-scheduler']],
    ['a copy of admin.conf', { uses: [use('kubernetes-admin', 'kubernetes-admin#1', '192.0.2.7')] }, ['kubernetes-admin']],
    [
      'a component behind a load balancer is no copy',
      { uses: [...balanced, use('system:kube-scheduler', 'system:kube-scheduler#1', '10.0.0.9')] },
      ['system:node:w1', 'system:node:w2'],
    ],
    [
      'a copy of admin.conf behind a load balancer',
      { uses: [use('system:node:a', 'a', '10.0.0.9'), use('system:node:b', 'b', '10.0.0.9'), use('kubernetes-admin', 'kubernetes-admin#1', '10.0.0.9')] },
      ['kubernetes-admin', 'system:node:a', 'system:node:b'],
    ],
    ['what a component had long before the plan', { uses: [use('system:kube-scheduler', 'older', '10.0.0.1', { lastMs: at(9) })] }, []],
    ['and what it should not have since', { uses: [use('system:kube-scheduler', 'strange', '10.0.0.1')] }, ['system:kube-scheduler']],
    [
      'the kubeconfig of the run: its owner is at the gate',
      { others: [{ record: record('kubernetes-admin#1', 'outgoing'), from: 'x', isOwn: true }], uses: [use('kubernetes-admin', 'kubernetes-admin#1', '192.0.2.7')] },
      ['kubernetes-admin (no ack)'],
    ],
    [
      'a request that the outgoing CA has signed',
      { others: [{ record: record('ci', 'outgoing'), from: 'CertificateSigningRequest ci' }], uses: [use('ci', 'ci', '192.0.2.8')] },
      ['ci'],
    ],
    [
      'a request that the incoming CA has signed',
      { others: [{ record: record('ci', 'incoming'), from: 'CertificateSigningRequest ci' }], uses: [use('ci', 'ci', '192.0.2.8')] },
      [],
    ],
    [
      'a kubeconfig in a Secret',
      {
        now: {
          ...now,
          objects: [{ kind: 'Secret', namespace: 'ci', name: 'deployer', field: '/data/config', certificates: [], client: record('ci', 'outgoing') }],
        } as unknown as Inventory,
        uses: [use('ci', 'ci', '10.244.1.7')],
      },
      ['ci'],
    ],
    ['a file that still holds a leaf of the outgoing CA', { now: before }, [`cp1:${admin} (no ack)`, 'cp1:/etc/kubernetes/scheduler.conf (no ack)']],
    ['a pod that was there before', { pods: [{ namespace: 'app', name: 'old', node: 'w1', startedAtMs: at(1) }] }, ['pod app/old (no ack)']],
    [
      'by name, where servers do not name certificates',
      { namesCredentials: false, uses: [use('alice', '', '192.0.2.7'), use('system:kube-scheduler', '', '10.0.0.1'), use('system:kube-scheduler', '', '192.0.2.7')] },
      ['alice@192.0.2.7', 'system:kube-scheduler@192.0.2.7'],
    ],
  ])('%s', (_, input, expected) => expect(ids(input).toSorted()).toEqual(expected.toSorted()));

  it('a listener and a called server with leaves of the outgoing CA', () => {
    const leaf = record('server', 'outgoing');
    const cp1 = { ...node('cp1', '10.0.0.1', []), components: [{ name: 'kube-apiserver', version: '', flags: {}, presents: { '6443': leaf.fingerprint } }] } as NodeRecord;
    const called = [{ kind: 'ValidatingWebhookConfiguration', name: 'guard', field: '/x', host: 'guard.app.svc', isUnverified: false, presents: leaf.fingerprint }];
    const { holders } = shadowOf({ ...world, others: [{ record: leaf, from: 'x' }], now: { ...inventory([cp1]), called } });
    expect(holders.map(({ id }) => id)).toEqual(['ValidatingWebhookConfiguration guard', 'kube-apiserver@cp1 :6443']);
  });

  it('says from where, with what and when', () => {
    const uses = [use('alice', 'alice', '192.0.2.7'), use('alice', 'alice', '192.0.2.8', { userAgent: 'helm/3', lastMs: at(12) })];
    expect(shadowOf({ ...world, uses }).holders).toMatchObject([
      { who: 'alice', addresses: ['192.0.2.7', '192.0.2.8'], userAgents: ['helm/3', 'kubectl/v1.34.4'], lastSeenMs: at(12) },
    ]);
  });
});

describe('credentials of before', () => {
  const dated = (name: string, issuer: string, from: number, until = 9e12, isCa = false): CertificateRecord => ({
    ...record(name, issuer, isCa),
    notBeforeMs: from,
    notAfterMs: until,
  });
  const bundle = '/etc/kubernetes/pki/ca.crt';
  const trusting = (...cas: CertificateRecord[]): Inventory => {
    const [first] = now.nodes;
    const ca = { path: bundle, kind: 'bundle', certificates: cas } as unknown as FileRecord;
    const server = { name: 'kube-apiserver', version: '', flags: { 'client-ca-file': bundle } };
    return {
      ...now,
      takenAt: '2026-12-01T12:00:00Z',
      nodes: [{ ...(first as NodeRecord), files: [file(admin, dated('kubernetes-admin#2', 'incoming', at(9))), ca], components: [server as NodeRecord['components'][number]] }],
    };
  };
  const began = dated('outgoing', 'outgoing', at(5), 9e12, true);
  const both = trusting(began, dated('incoming', 'incoming', at(9), 9e12, true));
  const old = (name: string, issuer: string) => [inventory([node('cp1', '10.0.0.1', [file(admin, dated(name, issuer, 0))])])];
  const look = (input: Partial<ShadowInput>) => {
    const { holders, ended } = shadowOf({ ...world, now: both, ...input });
    return { holders: holders.map(({ who }) => who), ended: ended.map(({ id }) => id.replace(/\/.*/, '')), whys: holders.map(({ why }) => why) };
  };
  const alice = (lastMs: number) => [use('alice', 'alice', '192.0.2.7', { firstMs: at(1), lastMs })];
  const laptop = (name: string) => [use('kubernetes-admin', name, '192.0.2.7')];

  it.each<[string, Partial<ShadowInput>, string[], string[]]>([
    ['used before any CA that is trusted began: it is of none of them', { uses: alice(at(4)) }, [], ['alice']],
    ['the same by name', { uses: [use('alice', '', '192.0.2.7', { firstMs: at(1), lastMs: at(4) })], namesCredentials: false }, [], ['alice@192.0.2.7']],
    ['used since one of them began: it may be of it', { uses: alice(at(6)) }, ['alice'], []],
    ['where it is not known what an API server trusts, time alone says nothing', { uses: alice(at(4)), now }, ['alice'], []],
    [
      'a CA that was renewed with its key is as old as what it has issued',
      { uses: alice(at(4)), now: { ...both, nodes: [...both.nodes, node('w1', '10.0.0.2', [file('/x', dated('w1', 'outgoing', at(2)))])] } },
      ['alice', 'w1:/x'],
      [],
    ],
    ['of a CA of a former run', { uses: laptop('kubernetes-admin#0'), former: old('kubernetes-admin#0', 'first') }, [], ['kubernetes-admin']],
    [
      'of this CA, from a run that was taken back, and a copy of it',
      { uses: laptop('kubernetes-admin#0'), former: old('kubernetes-admin#0', 'outgoing') },
      ['kubernetes-admin'],
      [],
    ],
    [
      'expired',
      { uses: laptop('kubernetes-admin#1'), before: inventory([node('cp1', '10.0.0.1', [file(admin, dated('kubernetes-admin#1', 'outgoing', 0, at(11)))])]) },
      [],
      ['kubernetes-admin'],
    ],
  ])('%s', (_, input, holders, ended) => expect(look(input)).toMatchObject({ holders, ended }));

  it('one that was last used before the run is asked for, and it is said when that was', () => {
    expect(look({ uses: alice(at(6)) }).whys).toEqual([expect.stringContaining('; last used at 2026-12-01T06:00:00.000Z, before this run began') as string]);
    expect(look({ uses: alice(at(11)) }).whys).toEqual([expect.not.stringContaining('last used') as string]);
  });

  it('a pair that a kubelet has replaced still lies there, and is nobody', () => {
    const pair = (day: string) => `/var/lib/kubelet/pki/kubelet-client-2026-11-${day}-00-00-00.pem`;
    const current = { ...file('/var/lib/kubelet/pki/kubelet-client-current.pem', record('system:node:w1#2', 'incoming')), kind: 'leaf', linkTo: pair('30') } as FileRecord;
    const leaf = (day: string, one: CertificateRecord) => ({ ...file(pair(day), one), kind: 'leaf', client: undefined, certificates: [one] }) as unknown as FileRecord;
    const w1 = node('w1', '10.0.0.2', [current, leaf('01', record('system:node:w1#1', 'outgoing')), leaf('30', record('system:node:w1#2', 'incoming'))]);
    expect(ids({ now: inventory([w1]), uses: [use('system:node:w1', 'system:node:w1#1', '10.0.0.2')] })).toEqual([]);
  });
});

describe('acknowledgements', () => {
  const uses = [use('alice', 'alice', '192.0.2.7'), use('ci', 'ci', '192.0.2.8')];
  const missing = (acknowledged: string[]) => missingAcks(shadowOf({ ...world, uses, acknowledged })).map(({ who }) => who);
  it('by id or by user', () => {
    const [first] = shadowOf({ ...world, uses }).holders;
    expect([missing([]), missing(['alice']), missing([first?.id ?? '']), missing(['alice', 'ci']), missing(['bob'])]).toEqual([
      ['alice', 'ci'],
      ['ci'],
      ['ci'],
      [],
      ['alice', 'ci'],
    ]);
  });
});

it('loses nobody: each certificate that is used is named or goes on, in whatever order it was seen', () => {
  const uses = fc.array(
    fc
      .tuple(
        fc.constantFrom('alice', 'bob', 'system:kube-scheduler'),
        fc.constantFrom('c1', 'c2', 'system:kube-scheduler#1', 'system:kube-scheduler#2'),
        fc.constantFrom('10.0.0.1', '192.0.2.7'),
      )
      .map(([user, name, address]) => use(user, name, address)),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(uses, (all) => {
      const { holders, ended, goOn } = shadowOf({ ...world, uses: all });
      expect(holders.length + ended.length + goOn).toBe(new Set(all.map(({ fingerprint }) => fingerprint)).size);
      // A certificate that nobody knows and that was used since the plan never goes on in silence.
      for (const name of ['c1', 'c2'])
        if (all.some(({ fingerprint }) => fingerprint === hex(name))) expect(holders.some(({ id }) => id.endsWith(hex(name).slice(0, 8)))).toBe(true);
    }),
  );
});
