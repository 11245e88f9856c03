import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../cluster/inventory.js';
import { buildGraph } from './build-graph.js';
import { incomingCa } from './certificates.js';
import type { Change } from './changes.js';
import type { EdgeFinding, PlanProof, TrustGraph } from './graph.js';
import { componentId, filePlace, inputId, objectPlace } from './names.js';
import { type ProvedStep, provePlan } from './prove-plan.js';

const pki = '/etc/kubernetes/pki';
const ca = `${pki}/ca.crt`;
let inventory: Inventory;
let graph: TrustGraph;
let nodes: readonly string[];
let masters: readonly string[];

beforeAll(() => {
  inventory = JSON.parse(readFileSync(new URL('../../../fixtures/inventories/kubeadm-ha.json', import.meta.url), 'utf8')) as Inventory;
  graph = buildGraph(inventory);
  nodes = inventory.nodes.map(({ name }) => name);
  masters = inventory.nodes.filter(({ roles }) => roles.includes('control-plane')).map(({ name }) => name);
});

const step = (id: string, changes: readonly Change[]): ProvedStep => ({ id, targets: [{ target: 'x', changes }] });
const trust = (place: string, ...cas: ('outgoing' | 'incoming')[]): Change => ({ type: 'trust', place, cas });
const leaf = (place: string): Change => ({ type: 'leaf', place, ca: 'incoming' });
const restart = (process: string): Change => ({ type: 'restart', process });
const prove = (...steps: ProvedStep[]): PlanProof => provePlan({ graph, inventory, steps, atMs: Date.parse(inventory.takenAt) });
const bad = (proof: PlanProof): readonly EdgeFinding[] => proof.steps.flatMap(({ findings }) => findings.filter(({ verdict }) => verdict !== 'blip'));
const serversTrustBoth = (): ProvedStep =>
  step(
    'servers trust both',
    nodes.map((node) => trust(filePlace(node, ca), 'outgoing', 'incoming')),
  );

describe('a graph', () => {
  it('has each edge once, and of each edge both ends among the inputs', () => {
    const inputs = new Set(graph.inputs.map(({ id }) => id));
    expect(new Set(graph.edges.map(({ id }) => id)).size).toBe(graph.edges.length);
    expect(graph.edges.filter(({ presents, verifies }) => !inputs.has(presents) || (verifies !== undefined && !inputs.has(verifies)))).toEqual([]);
  });

  it('has the connections of a control plane with kubeadm', () => {
    const [first = ''] = masters;
    const ids = graph.edges.map(({ id }) => id);
    expect(ids).toEqual(
      expect.arrayContaining([
        `E1 kube-apiserver@${first} -> etcd@${first} server`,
        `E1 kube-apiserver@${first} -> etcd@${first} client`,
        `E5 kube-controller-manager@${first} -> kube-apiserver@${first} server`,
        `E6 kube-scheduler@${first} -> kube-apiserver@${first} client`,
        `E7 kubelet@${nodes.at(-1) ?? ''} -> kube-apiserver@${first} server`,
        `E13 kube-apiserver@${first} -> kubelet@${nodes.at(-1) ?? ''} client`,
        `E25 joining nodes -> kube-apiserver@${first} server`,
        `S1 kube-controller-manager@${first} -> kube-apiserver@${first} client`,
        `K2 kube-apiserver@${first} -> kube-apiserver@${first} token`,
      ]),
    );
  });

  it('takes holders of copies and joining nodes to call the API as administrators do, by a name that all API servers have', () => {
    const endpoint = inventory.nodes.flatMap(({ files }) =>
      files.filter(({ path }) => path === '/etc/kubernetes/admin.conf').map(({ server }) => new URL(server ?? '').hostname),
    )[0];
    const named = graph.edges.filter(({ class: of, leg }) => of === 'E25' && leg === 'server');
    expect(named.map(({ name }) => name)).toEqual(masters.map(() => endpoint));
    const behindOne = {
      ...inventory,
      nodes: inventory.nodes.map((node) => ({ ...node, files: node.files.map((file) => ({ ...file, server: `https://${node.internalIp}:6443` })) })),
    };
    const unnamed = buildGraph(behindOne).edges.filter(({ class: of }) => of === 'E25');
    expect(unnamed.map(({ name }) => name)).toEqual(masters.map(() => undefined));
  });

  it('holds as it was found', () => {
    expect(prove()).toMatchObject({ before: [], steps: [] });
  });
});

describe('a proof', () => {
  it('finds nothing but the signer where both CAs are trusted', () => {
    // The signer reads exactly one certificate, and kubeadm points it at ca.crt.
    const found = bad(prove(serversTrustBoth()));
    expect(found.map(({ edge }) => edge).toSorted()).toEqual(graph.edges.flatMap((edge) => (edge.class === 'S1' ? [edge.id] : [])).toSorted());
    expect(found.every(({ why }) => why.includes('exactly one certificate'))).toBe(true);
  });

  it.each<[what: string, changes: () => Change[], edge: string, verdict: EdgeFinding['verdict'], why: string]>([
    [
      'a leaf of an API server before its clients trust its CA',
      () => [leaf(filePlace(masters[0] ?? '', `${pki}/apiserver.crt`))],
      'E5 kube-controller-manager@$1 -> kube-apiserver@$1 server',
      'break',
      'incoming',
    ],
    [
      'a client leaf before the servers trust its CA',
      () => [leaf(filePlace(masters[0] ?? '', '/etc/kubernetes/scheduler.conf', 'client')), restart(componentId('kube-scheduler', masters[0] ?? ''))],
      'E6 kube-scheduler@$1 -> kube-apiserver@$1 client',
      'break',
      'does not verify',
    ],
    [
      'the same, without the restart',
      () => [leaf(filePlace(masters[0] ?? '', '/etc/kubernetes/scheduler.conf', 'client'))],
      'E6 kube-scheduler@$1 -> kube-apiserver@$1 client',
      'latent',
      'after the next restart',
    ],
    [
      'servers that drop the CA too soon',
      () => nodes.map((node) => trust(filePlace(node, ca), 'incoming')),
      'E7 kubelet@$1 -> kube-apiserver@$1 client',
      'break',
      'does not verify',
    ],
    [
      'a bundle for the signer',
      () => [trust(filePlace(masters[0] ?? '', ca), 'outgoing', 'incoming')],
      'S1 kube-controller-manager@$1 -> kube-apiserver@$1 client',
      'break',
      'exactly one',
    ],
    [
      'a kubeconfig of a person with the incoming CA alone',
      () => [trust(filePlace(masters[0] ?? '', '/etc/kubernetes/admin.conf', 'ca'), 'incoming')],
      'E9 kubeconfig $1:/etc/kubernetes/admin.conf -> kube-apiserver@$1 server',
      'break',
      'does not verify',
    ],
    [
      'a bundle of pods that is narrowed while API servers present leaves of the outgoing CA',
      () => graph.published.map((place) => trust(place, 'incoming')),
      'E11 pods of default -> kube-apiserver@$1 server',
      'latent',
      'after the next restart',
    ],
    ['a CA file that is gone', () => [{ type: 'remove', place: filePlace(masters[0] ?? '', ca) }], 'E13 kube-apiserver@$1 -> kubelet@$1 client', 'break', 'holds no certificate'],
    [
      'a leaf that is gone',
      () => [{ type: 'remove', place: filePlace(masters[0] ?? '', `${pki}/apiserver.crt`) }],
      'E25 joining nodes -> kube-apiserver@$1 server',
      'break',
      'no certificate to present',
    ],
    [
      'another key of tokens at one API server',
      () => [{ type: 'put', place: filePlace(masters[0] ?? '', `${pki}/sa.pub`, 'key'), content: ['0'.repeat(64)] }, restart(componentId('kube-apiserver', masters[0] ?? ''))],
      'K2 kube-apiserver@$1 -> kube-apiserver@$1 token',
      'break',
      'signed the token',
    ],
  ])(`refuses %s`, (_what, changes, edge, verdict, why) => {
    const id = edge.replaceAll('$1', masters[0] ?? '');
    const proof = prove(step('wrong', changes()));
    expect(bad(proof).find((finding) => finding.edge === id)).toMatchObject({ verdict, why: expect.stringContaining(why), nextAction: expect.any(String) });
    expect(proof.verdicts[id]).toBe(verdict);
  });

  it('sees what breaks only between two targets of a step', () => {
    const [first = '', second = ''] = masters;
    const peerCa = (node: string): string => filePlace(node, `${pki}/etcd/ca.crt`);
    // Both members jump to another CA with their leaves at once: together they verify, one after the other they do not.
    const jump = (node: string): Change[] => [
      { type: 'put', place: peerCa(node), content: [incomingCa] },
      leaf(filePlace(node, `${pki}/etcd/peer.crt`)),
      leaf(filePlace(node, `${pki}/etcd/server.crt`)),
      restart(componentId('etcd', node)),
    ];
    const proof = provePlan({
      graph,
      inventory,
      atMs: Date.parse(inventory.takenAt),
      steps: [{ id: 'jump', targets: masters.map((target) => ({ target, changes: jump(target) })) }],
    });
    const id = `E2 etcd@${first} -> etcd@${second} server`;
    expect(bad(proof).find(({ edge }) => edge === id)).toMatchObject({ verdict: 'break', why: expect.stringContaining('while some targets') });
    expect(proof.verdicts[id]).toBe('hold');
  });

  it('calls that cut within a cutover, and asks that it stands at the end', () => {
    const changes = nodes.map((node) => trust(filePlace(node, ca), 'incoming'));
    const proof = prove({ ...step('put in place', changes), cutover: 'begins' }, { ...step('end', []), cutover: 'ends' });
    expect(new Set(proof.steps[0]?.findings.map(({ verdict }) => verdict))).toEqual(new Set(['cut']));
    expect(proof.steps[1]?.findings.some(({ verdict }) => verdict === 'break')).toBe(true);
  });

  it('keeps a pair of which only one half has come, and says that it will not be loaded again', () => {
    const [first = '', second = ''] = masters;
    const own = inventory.nodes.find(({ name }) => name === second)?.files.find(({ path }) => path === `${pki}/apiserver.crt`)?.certificates[0]?.fingerprint ?? '';
    const place = filePlace(first, `${pki}/apiserver.crt`);
    const edge = `E5 kube-controller-manager@${first} -> kube-apiserver@${first} server`;
    const half = prove(step('half', [{ type: 'put', place, content: [own] }]));
    expect(bad(half).find((finding) => finding.edge === edge)).toMatchObject({ verdict: 'latent', why: expect.stringContaining('do not belong together') });
    const ended = prove(step('half', [{ type: 'put', place, content: [own] }, restart(componentId('kube-apiserver', first))]));
    expect(ended.verdicts[edge]).toBe('break');
  });

  it('says an edge is broken once, and again only after it has held', () => {
    const place = filePlace(masters[0] ?? '', '/etc/kubernetes/admin.conf', 'ca');
    const proof = prove(step('a', [trust(place, 'incoming')]), step('b', [trust(place, 'incoming')]), step('c', [trust(place, 'outgoing')]), step('d', [trust(place, 'incoming')]));
    expect(proof.steps.map(({ findings }) => findings.length > 0)).toEqual([true, false, false, true]);
  });

  it('marks what was accepted', () => {
    const [first = ''] = masters;
    const edge = `E6 kube-scheduler@${first} -> kube-apiserver@${first} client`;
    const changes = [leaf(filePlace(first, '/etc/kubernetes/scheduler.conf', 'client')), restart(componentId('kube-scheduler', first))];
    const proof = provePlan({ graph, inventory, steps: [step('x', changes)], atMs: Date.parse(inventory.takenAt), accepted: [edge] });
    expect(bad(proof).find((finding) => finding.edge === edge)).toMatchObject({ isAccepted: true });
  });
});

describe('restarts', () => {
  it('are worked out from what is read once', () => {
    const [first = ''] = masters;
    const proof = prove(
      step('trust', [trust(filePlace(first, '/etc/kubernetes/scheduler.conf', 'ca'), 'outgoing', 'incoming'), trust(filePlace(first, ca), 'outgoing', 'incoming')]),
    );
    const needed = proof.steps[0]?.restarts.filter(({ done }) => !done).map(({ process }) => process);
    // API servers and kubelets load ca.crt hot; kube-controller-manager publishes what it read at its start.
    expect(needed).toEqual(expect.arrayContaining([componentId('kube-scheduler', first), componentId('kube-controller-manager', first)]));
    expect(needed).not.toContain(componentId('kube-apiserver', first));
  });

  it('of kube-controller-manager write its root CA to all namespaces, and API servers add theirs for extension servers', () => {
    const [first = ''] = masters;
    const manager = componentId('kube-controller-manager', first);
    const proof = prove(
      step('both', [
        { type: 'copy', from: filePlace(first, ca), to: filePlace(first, `${pki}/own.crt`) },
        { type: 'read', input: inputId(manager, 'cluster-signing-cert-file'), from: filePlace(first, `${pki}/own.crt`) },
        trust(filePlace(first, ca), 'outgoing', 'incoming'),
        restart(manager),
      ]),
    );
    const places = proof.steps[0]?.changes.map(({ place }) => place);
    expect(places).toContain(objectPlace({ kind: 'ConfigMap', namespace: 'default', name: 'kube-root-ca.crt', field: '/data/ca.crt' }));
    expect(places).toContain(objectPlace({ kind: 'ConfigMap', namespace: 'kube-system', name: 'extension-apiserver-authentication', field: '/data/client-ca-file' }));
    expect(proof.steps[0]?.restarts.find(({ process }) => process === manager)).toMatchObject({ done: true, needed: true });
  });
});
