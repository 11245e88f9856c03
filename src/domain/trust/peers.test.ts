import { describe, expect, it } from 'vitest';
import type { Inventory, NodeRecord } from '../cluster/inventory.js';
import { isInNetwork } from './addresses.js';
import type { Connection } from './connection.js';
import type { CredentialUse } from './credential-use.js';
import { hiddenPeers, peersOf, unknownPeers } from './peers.js';

const flags: Record<string, string> = { 'cluster-cidr': '10.244.0.0/16,fd00:10:244::/56' };
const node = (name: string, internalIp: string): NodeRecord =>
  ({
    name,
    internalIp,
    files: [],
    host: { name, sshHost: `${name}.example.org`, become: true },
    components: [{ name: 'kube-controller-manager', version: '', flags }],
  }) as unknown as NodeRecord;
const now = {
  nodes: [node('cp1', '10.0.0.1'), node('w1', '10.0.0.2')],
  objects: [],
  pods: [{ namespace: 'app', name: 'web', addresses: ['10.99.0.5'] }],
  cluster: { uid: 'u', server: 'https://10.0.0.9:6443', version: '' },
} as unknown as Inventory;
const at = (address: string, server = 'cp1', count = 1): Connection => ({ server, address, count });
const use = (user: string, address: string): CredentialUse => ({ user, fingerprint: 'ab', userAgent: '', address, firstMs: 0, lastMs: 0 });
const input = (connections: readonly Connection[], uses: readonly CredentialUse[] = []) => ({ now, before: now, uses, connections, ownAddresses: ['192.0.2.1'] });

describe('who is connected', () => {
  it.each<[string, string, string, string]>([
    ['a node', '10.0.0.2', 'node', 'w1'],
    ['a pod by its own address', '10.99.0.5', 'pod', 'app/web'],
    ['a pod by the network of pods', '10.244.3.1', 'pod', ''],
    ['a pod of IPv6', 'fd00:10:244:1::7', 'pod', ''],
    ['the load balancer in front of the API', '10.0.0.9', 'load balancer', ''],
    ['rotate-ca', '192.0.2.1', 'rotate-ca', ''],
    ['somebody else', '192.0.2.7', 'outside', ''],
    ['somebody whose address begins alike', '10.0.0.20', 'outside', ''],
  ])('%s', (_, address, kind, who) => expect(peersOf(input([at(address)]))).toEqual([{ address, kind, who, servers: ['cp1'], connections: 1, users: [] }]));

  it('each address once, with all that it is connected to; a node to itself is nobody', () => {
    const peers = peersOf(input([at('192.0.2.7', 'cp2', 2), at('127.0.0.1'), at('::1'), at('192.0.2.7', 'cp1', 3)], [use('ci', '192.0.2.7'), use('alice', '192.0.2.7')]));
    expect(peers).toEqual([{ address: '192.0.2.7', kind: 'outside', who: '', servers: ['cp1', 'cp2'], connections: 5, users: ['alice', 'ci'] }]);
  });

  it('an address behind which there are two nodes is a load balancer, also where a node has it', () => {
    const uses = [use('system:node:w1', '10.0.0.1'), use('system:node:w2', '10.0.0.1')];
    const peers = peersOf(input([at('10.0.0.1', 'cp1', 7)], uses));
    expect(peers.map(({ kind }) => kind)).toEqual(['load balancer']);
    expect(hiddenPeers(peers)).toEqual([{ place: 'connections through 10.0.0.1', why: expect.stringContaining('7 come from') as string }]);
  });
});

describe('who is named', () => {
  const named = (connections: readonly Connection[], uses: readonly CredentialUse[] = []) => {
    const whole = input(connections, uses);
    return unknownPeers(peersOf(whole), whole);
  };
  it('is from outside, and no audit line explains it', () => {
    const found = named([at('192.0.2.7', 'cp1', 2), at('192.0.2.8'), at('10.0.0.2'), at('192.0.2.1')], [use('alice', '192.0.2.8')]);
    expect(found).toMatchObject([{ id: 'connected 192.0.2.7', kind: 'connection', asksAck: false, addresses: ['192.0.2.7'] }]);
    expect(found[0]?.why).toMatch(/API server of cp1 now \(2 connections\).*no audit log has a client certificate from there/);
  });

  it('where there is no audit log it says so', () => expect(named([at('192.0.2.7')])[0]?.why).toMatch(/\(1 connection\).*no audit log says who it is/));
});

it.each<[string, string, boolean]>([
  ['10.244.0.0', '10.244.0.0/16', true],
  ['10.244.255.255', '10.244.0.0/16', true],
  ['10.245.0.0', '10.244.0.0/16', false],
  ['10.0.0.129', '10.0.0.128/25', true],
  ['10.0.0.127', '10.0.0.128/25', false],
  ['1.2.3.4', '0.0.0.0/0', true],
  ['::ffff:10.244.1.1', '10.244.0.0/16', true],
  ['fd00::1', 'fd00::/8', true],
  ['fe00::1', 'fd00::/8', false],
  ['10.0.0.1', '10.0.0.1/32', true],
  ['10.0.0.1', '10.0.0.1/33', false],
  ['10.0.0.1', '10.0.0.1', false],
  ['name', '10.0.0.0/8', false],
])('%s in %s: %s', (address, network, expected) => expect(isInNetwork(address, network)).toBe(expected));
