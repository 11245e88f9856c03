/** A staging cluster that was made by hand, as production sees it: units, their files, its API, its tokens. */

import { createPublicKey, randomInt, randomUUID, verify } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, type World } from '../src/app/world.js';
import { rehearsalEnv, rehearsalSettings } from '../src/app/rehearse-settings.js';
import { credentialIn } from '../src/app/rehearse-checks.js';
import type { Inventory } from '../src/domain/cluster/inventory.js';
import { readLeaf } from '../src/domain/pki/certificate.js';
import { scanCluster } from '../src/scan/scan-cluster.js';
import { startStaging, type StagingCluster } from '../src/staging/cluster.js';
import { specOfTopology } from '../src/staging/topology.js';

const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-hard-way-'));
const pki = '/etc/kubernetes/pki';
let staging: StagingCluster;
let world: World;
let inventory: Inventory;

beforeAll(async () => {
  const spec = specOfTopology('hard-way:1+1', { block: randomInt(20, 70), uid: randomUUID(), nowMs: Date.now() });
  staging = await startStaging({ spec, folder: join(folder, 'cluster'), speed: 20 });
  expect(staging.notReady).toEqual([]);
  const settings = await rehearsalSettings(staging.operator);
  world = await openWorld({ settings, env: rehearsalEnv(staging.operator, process.env) });
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  inventory = await scanCluster({ hosts: world.hosts, shells: world.shells, kube: world.access.kube(), signal, now: Date.now });
}, 120_000);
afterAll(async () => {
  await world?.close();
  await staging?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const run = (node: string, script: string): Promise<string> => world.shells.to(node).must(script, { deadlineMs: 30_000 });
const textOn = (node: string, path: string): string => staging.context.node(node).read(path)?.bytes.toString('utf8') ?? '';
const decoded = (text: string | undefined): Record<string, unknown> => JSON.parse(Buffer.from(text ?? '', 'base64url').toString('utf8')) as Record<string, unknown>;

describe('the scan', () => {
  it('finds every component as a unit, with flags from command line and environment', () => {
    const found = Object.fromEntries(inventory.nodes.map(({ name, components }) => [name, components.map((one) => `${one.name} ${one.unit?.name ?? 'no unit'}`).sort()]));
    const everywhere = ['kube-proxy kube-proxy.service', 'kubelet kubelet.service'];
    expect(found.worker1).toEqual(everywhere);
    expect(found.master1).toEqual([
      'etcd etcd.service',
      'kube-apiserver kube-apiserver.service',
      'kube-controller-manager kube-controller-manager.service',
      'kube-proxy kube-proxy.service',
      'kube-scheduler kube-scheduler.service',
      'kubelet kubelet.service',
    ]);
    const component = (name: string) => inventory.nodes.find((node) => node.name === 'master1')?.components.find((one) => one.name === name);
    expect(component('etcd')).toMatchObject({
      flags: { 'cert-file': '/etc/etcd/pki/etcd.pem', 'peer-cert-file': '/etc/etcd/pki/etcd.pem', 'peer-trusted-ca-file': '/etc/etcd/pki/ca.pem' },
      unit: { user: 'etcd', file: '/etc/systemd/system/etcd.service', environmentFiles: ['/etc/etcd/etcd.env'], dropIns: [], isStale: false },
    });
    expect(component('kube-apiserver')?.flags).toMatchObject({
      'tls-private-key-file': `${pki}/apiserver-key.pem`,
      'service-account-signing-key-file': `${pki}/apiserver-key.pem`,
    });
  });

  it('finds what they name, the files of etcd with their owner', () => {
    const files = inventory.nodes.find(({ name }) => name === 'master1')?.files ?? [];
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        `${pki}/ca.pem`,
        `${pki}/apiserver.pem`,
        '/etc/etcd/pki/etcd.pem',
        '/etc/kubernetes/controller-manager.kubeconfig',
        '/etc/kubernetes/kubelet.kubeconfig',
        '/etc/kubernetes/proxy.kubeconfig',
      ]),
    );
    expect(files.find(({ path }) => path === '/etc/etcd/pki/etcd-key.pem')).toMatchObject({ uid: 960, gid: 960, mode: '0600' });
  });
});

describe('the API', () => {
  it('answers the administrator, and has nothing of kubeadm', async () => {
    const kube = world.access.kube();
    const maps = await kube.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system' }, { deadlineMs: 20_000 });
    expect(maps.map(({ metadata }) => metadata.name)).not.toContain('kubeadm-config');
    expect(credentialIn(readFileSync(staging.operator.kubeconfig, 'utf8')).certificatePem).toBe(credentialIn(textOn('master1', '/etc/kubernetes/admin.kubeconfig')).certificatePem);
  });

  it("has tokens that are signed by the API servers' own key", () => {
    const secret = staging.context.store.get({ apiVersion: 'v1', kind: 'Secret', namespace: 'tokens-1', name: 'token-1' });
    const token = Buffer.from(((secret?.data ?? {}) as Record<string, string>).token ?? '', 'base64').toString('utf8');
    const [header = '', payload = '', signature = ''] = token.split('.');
    const key = createPublicKey(textOn('master1', `${pki}/apiserver-key.pem`));
    expect(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
    expect(decoded(payload).sub).toBe('system:serviceaccount:tokens-1:token-holder');
  });

  it('has pods that live on legacy tokens, and nobody who meets a refusal', () => {
    const { context, kubelets } = staging;
    const pod = context.store.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'tokens-1' })[0];
    expect((pod?.spec ?? {}) as object).toMatchObject({ volumes: [{ name: 'token', secret: { secretName: 'token-1' } }] });
    expect(kubelets.flatMap((kubelet) => Object.keys(kubelet.podCounters().byReason))).not.toContain('HTTP 401');
    expect(kubelets.reduce((sum, kubelet) => sum + kubelet.runningPods().length, 0)).toBe(19);
  });
});

describe('its CA', () => {
  it("is one for all, its key in Vault, under roles, with the operator's policy", async () => {
    const ca = textOn('master1', `${pki}/ca.pem`);
    expect([textOn('worker1', `${pki}/ca.pem`), textOn('master1', '/etc/etcd/pki/ca.pem')]).toEqual([ca, ca]);
    expect(readLeaf(ca, { source: 'ca.pem' }).record.subject).toContain('CN=kubernetes-ca');
    expect(staging.operator.vaultMount).toBe('pki_k8s');
    await expect(staging.vault.write('pki_k8s/root/generate/exported', { common_name: 'x' })).resolves.toHaveProperty('private_key');
  });
});

describe('its units', () => {
  it('restart all together, etcd before the API server, and pods go on', async () => {
    const pods = (): string[] =>
      staging.kubelets
        .flatMap((kubelet) => kubelet.runningPods())
        .map(({ metadata }) => metadata.uid)
        .sort();
    const before = pods();
    await run('master1', 'systemctl restart etcd kube-apiserver kubelet kube-proxy kube-scheduler');
    expect(await run('master1', 'systemctl is-active etcd kube-apiserver kubelet')).toBe('active\nactive\nactive\n');
    expect(await staging.settle()).toEqual([]);
    expect(pods()).toEqual(before);
  });

  it('a kubelet makes itself a serving pair when there is none', async () => {
    const files = '/var/lib/kubelet/pki/kubelet';
    const before = textOn('worker1', `${files}.crt`);
    await run('worker1', `rm ${files}.crt ${files}.key && systemctl restart kubelet`);
    for (let looks = 0; textOn('worker1', `${files}.crt`) === '' && looks < 200; looks++) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(textOn('worker1', `${files}.crt`)).not.toBe(before);
    expect(textOn('worker1', `${files}.crt`)).toContain('BEGIN CERTIFICATE');
  });

  it('etcd does not read a key that is not its own, and comes back when it is', async () => {
    const key = '/etc/etcd/pki/etcd-key.pem';
    await run('master1', `chown 0:0 ${key}; systemctl restart --no-block etcd; true`);
    const isSaid = async (): Promise<boolean> => (await run('master1', 'journalctl -u etcd -n 50')).includes(`open ${key}: permission denied`);
    for (let looks = 0; !(await isSaid()) && looks < 100; looks++);
    expect(await isSaid()).toBe(true);
    await run('master1', `chown 960:960 ${key}`);
    expect(await staging.settle()).toEqual([]);
    expect(await run('master1', 'systemctl is-active etcd')).toBe('active\n');
  });

  it('a snapshot of the node comes back with its owners', async () => {
    await staging.save(join(folder, 'snapshot'));
    await run('master1', 'rm /etc/kubernetes/apiserver.env; systemctl daemon-reload');
    expect(await staging.load(join(folder, 'snapshot'))).toEqual([]);
    expect(await run('master1', 'stat -c "%u %a" /etc/etcd/pki/etcd-key.pem')).toBe('960 600\n');
  });
});
