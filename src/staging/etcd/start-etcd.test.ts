/** etcd members: quorum by their connections, certificates judged at the handshake, and etcdctl. */

import { afterEach, describe, expect, it } from 'vitest';
import { openTlsProbe } from '../../adapters/tls/tls-probe.js';
import type { Secret } from '../../domain/secret.js';
import { leafOf, newCa, pki, type TestControlPlane, testControlPlane, until } from '../api/control-plane.test-support.js';
import type { RunningComponent } from '../component.js';
import type { CommandAnswer, StagingNode } from '../node/staging-node.js';
import { answerEtcdctl } from './etcdctl.js';
import { answerEtcdutl } from './etcdutl.js';

let plane: TestControlPlane;
afterEach(() => plane?.close());

const probe = openTlsProbe();
const e = `${pki}/etcd`;
const withPair = ['--endpoints=https://127.0.0.1:2379', `--cacert=${e}/ca.crt`, `--cert=${e}/healthcheck-client.crt`, '--key', `${e}/healthcheck-client.key`];

function etcdctl(node: StagingNode, ...args: string[]): Promise<CommandAnswer> {
  return answerEtcdctl(plane.context, node, { args, stdin: Buffer.alloc(0), cwd: '/root', env: {} });
}

async function started(members: number): Promise<{ nodes: readonly StagingNode[]; running: RunningComponent[] }> {
  plane = await testControlPlane({ nodes: members });
  const running = await Promise.all(plane.nodes.map((node) => plane.startEtcd(node)));
  return { nodes: plane.nodes, running };
}

const healthy = async (node: StagingNode): Promise<boolean> => (await etcdctl(node, ...withPair, 'endpoint', 'health')).exitCode === 0;

describe('a cluster of three members', () => {
  it('serves its API servers while a majority is connected', async () => {
    const { nodes, running } = await started(3);
    const [first, second] = nodes;
    await plane.startApi(first!);
    const admin = await leafOf(plane.cas.cluster, 'kubernetes-admin', { organizations: ['kubeadm:cluster-admins'] });
    const kube = (await plane.open(admin)).kube();
    expect((await kube.get('/readyz/etcd')).status).toBe(200);
    await running[2]!.stop();
    await until('two are enough', () => healthy(first!));
    await running[1]!.stop();
    await until('one is not', async () => (await kube.get('/readyz')).status === 500);
    const { body } = await kube.get('/readyz?verbose');
    expect(body).toContain('[-]etcd failed: reason withheld\n[-]etcd-readiness failed: reason withheld\n');
    expect(body).toMatch(/readyz check failed\n$/);
    const answer = await kube.get('/api/v1/nodes');
    expect([answer.status, JSON.parse(answer.body).message]).toEqual([500, 'etcdserver: request timed out']);
    expect(await healthy(first!)).toBe(false);
    await plane.startEtcd(second!);
    await until('the majority is back', async () => (await kube.get('/readyz')).status === 200);
    expect((await kube.get('/api/v1/nodes')).status).toBe(200);
  });

  it('keeps streams when files change, and refuses strangers at the next handshake', async () => {
    const { nodes, running } = await started(3);
    await until('all are healthy', async () => (await Promise.all(nodes.map(healthy))).every(Boolean));
    const stranger = await newCa('etcd-ca', 'other');
    const third = nodes[2]!;
    const peer = await leafOf(stranger, third.name, { sans: [`IP:${third.address}`], usages: ['serverAuth', 'clientAuth'] });
    third.write(`${e}/peer.key`, peer.key.reveal());
    third.write(`${e}/peer.crt`, peer.certificatePem);
    expect(await healthy(third)).toBe(true);
    await running[2]!.stop();
    await plane.startEtcd(third);
    await until('it is refused', () =>
      plane.logs.get('etcd cp1')!.some((line) => line.includes('rejected connection on peer endpoint') && line.includes('certificate signed by unknown authority')),
    );
    expect(await healthy(third)).toBe(false);
    expect(await healthy(nodes[0]!)).toBe(true);
  });

  it('refuses a peer that comes from another address than its certificate says', async () => {
    const { nodes, running } = await started(3);
    const third = nodes[2]!;
    await running[2]!.stop();
    const peer = await leafOf(plane.cas.etcd, third.name, { sans: ['IP:127.0.0.99'], usages: ['serverAuth', 'clientAuth'] });
    third.write(`${e}/peer.key`, peer.key.reveal());
    third.write(`${e}/peer.crt`, peer.certificatePem);
    await plane.startEtcd(third);
    await until('it is refused', () => plane.logs.get('etcd cp1')!.some((line) => line.includes('does not match any of DNSNames')));
  });
});

describe('handshakes of a member', () => {
  const client = async (credential: { certificatePem: string; key: Secret } | undefined): Promise<string> => {
    const at = { host: plane.nodes[0]!.address, port: 2379 };
    const ca = plane.cas.etcd.certificatePem;
    return probe.request(at, { method: 'GET', path: '/', caPem: ca, deadlineMs: 20_000, ...(credential === undefined ? {} : { credential }) }).then(
      ({ status }) => String(status),
      (error: { message: string }) => error.message,
    );
  };

  it('reads its pair at each, its CAs once', async () => {
    const { nodes } = await started(1);
    const [node] = nodes;
    const incoming = await newCa('etcd-ca', 'g2');
    node!.write(`${e}/ca.crt`, `${plane.cas.etcd.certificatePem}${incoming.certificatePem}`);
    const next = await leafOf(incoming, node!.name, { sans: [`IP:${node!.address}`, 'IP:127.0.0.1'], usages: ['serverAuth', 'clientAuth'] });
    node!.write(`${e}/server.key`, next.key.reveal());
    node!.write(`${e}/server.crt`, next.certificatePem);
    expect((await probe.presentedBy({ host: node!.address, port: 2379 }, { deadlineMs: 20_000 }))[0]?.trim()).toBe(next.certificatePem.trim());
    const other = await leafOf(incoming, 'root');
    node!.write(`${e}/healthcheck-client.crt`, other.certificatePem);
    node!.write(`${e}/healthcheck-client.key`, other.key.reveal());
    expect(await etcdctl(node!, ...withPair, 'endpoint', 'health')).toEqual({
      stdout: '',
      stderr: 'https://127.0.0.1:2379 is unhealthy: failed to commit proposal: context deadline exceeded\nError: unhealthy cluster\n',
      exitCode: 1,
    });
    expect(plane.logs.get('etcd cp1')!.at(-1)).toMatch(/rejected connection on client endpoint.*certificate signed by unknown authority/);
    // A key that cannot be read makes the next handshake fail, and nothing else.
    node!.remove(`${e}/server.key`);
    expect(await client(undefined)).toMatch(/ECONNRESET|socket|closed/);
  });

  it.each([
    ['another block than a certificate', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'x509: malformed certificate'],
    ['no file', undefined, 'open /etc/kubernetes/pki/etcd/ca.crt: no such file or directory'],
  ])('does not start with %s in the CA file', async (_what, extra, words) => {
    plane = await testControlPlane();
    const [node] = plane.nodes;
    if (extra === undefined) node!.remove(`${e}/ca.crt`);
    else node!.write(`${e}/ca.crt`, `${plane.cas.etcd.certificatePem}${extra}`);
    await expect(plane.startEtcd(node!)).rejects.toThrow(words);
  });

  it('does not come back while that fault is on', async () => {
    plane = await testControlPlane();
    plane.context.faults.etcd.add('cp1');
    await expect(plane.startEtcd(plane.nodes[0]!)).rejects.toThrow('walpb: crc mismatch');
  });
});

it('etcdctl and etcdutl: snapshots, members, status', async () => {
  const { nodes } = await started(1);
  const [node] = nodes;
  const run = async (...args: string[]): Promise<string> => String((await etcdctl(node!, ...withPair, ...args)).stdout);
  const utl = (...args: string[]): Promise<CommandAnswer> => answerEtcdutl(node!, { args, stdin: Buffer.alloc(0), cwd: `${node!.root}/tmp`, env: {} });
  expect(await run('snapshot', 'save', '/tmp/etcd.db')).toBe('Snapshot saved at /tmp/etcd.db\nServer version 3.6.0\n');
  expect((node!.read('/tmp/etcd.db')?.mode ?? 0) & 0o777).toBe(0o600);
  expect((await utl('snapshot', 'status', '/tmp/etcd.db', '-w', 'simple')).stdout).toMatch(/^[0-9a-f]{1,8}, 4, 4, \d+(\.\d)? k?B, 3\.6\.0\n$/);
  expect(JSON.parse(String((await utl('snapshot', 'status', 'etcd.db', '-w', 'json')).stdout))).toMatchObject({ revision: 4, totalKey: 4, version: '3.6.0' });
  node!.write('/tmp/torn.db', node!.read('/tmp/etcd.db')!.bytes.subarray(0, 100));
  expect(await utl('snapshot', 'status', '/tmp/torn.db')).toEqual({ stdout: '', stderr: 'Error: invalid database\n', exitCode: 1 });
  expect((await utl('snapshot', 'status', '/nowhere')).stderr).toBe('Error: stat /nowhere: no such file or directory\n');
  expect(await run('member', 'list')).toMatch(new RegExp(`^[0-9a-f]{16}, started, cp1, https://${node!.address}:2380, https://${node!.address}:2379, false\n$`));
  expect(await run('member', 'list', '-w', 'json')).toMatch(/^\{"header":\{"cluster_id":\d+,"member_id":\d+,"raft_term":\d+\},"members":\[\{"ID":\d+,"name":"cp1"/);
  expect(await run('endpoint', 'status')).toMatch(/^https:\/\/127\.0\.0\.1:2379, [0-9a-f]{16}, 3\.6\.5, 3\.6\.0, .*, 2\.1 GB, true, false, 2, 8, 8, , , false\n$/);
  expect(JSON.parse(await run('endpoint', 'status', '-w', 'json'))[0].Status).toMatchObject({ version: '3.6.5', raftTerm: 2 });
  expect(await etcdctl(node!, '--cacert=/none', '--endpoints=https://127.0.0.1:2379', 'endpoint', 'health')).toMatchObject({
    stderr: 'Error: open /none: no such file or directory\n',
    exitCode: 128,
  });
});
