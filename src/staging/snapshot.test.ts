import { randomInt, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { setFault } from './apply-fault.js';
import { startStaging, type StagingCluster } from './cluster.js';
import { specOfTopology } from './topology.js';

const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-snapshot-'));
const file = '/etc/kubernetes/pki/ca.crt';
const map = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'made-later' };
let staging: StagingCluster;

beforeAll(async () => {
  const spec = specOfTopology('small', { block: randomInt(20, 70), uid: randomUUID(), nowMs: Date.now() });
  staging = await startStaging({ spec, folder: join(folder, 'cluster'), speed: 20 });
  expect(staging.notReady).toEqual([]);
});
afterAll(async () => {
  await staging?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('brings files, objects and Vault back, mends what is broken, and the cluster serves again', async () => {
  const { context, vault } = staging;
  const node = context.node('w1');
  const before = node.read(file);
  const tokens = vault.state();
  await staging.save(join(folder, 'snapshot'));

  node.write(file, 'another\n', { mode: 0o600 });
  node.write('/etc/kubernetes/left-over', 'x');
  node.remove('/var/lib/kubelet/config.yaml');
  context.store.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name: 'made-later' }, data: {} });
  context.store.remove({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' });
  vault.seal();
  vault.expireTokens();
  for (const setting of [
    { table: 'ssh', node: 'w1', value: { kind: 'refused' } },
    { table: 'webhook', value: true },
    { table: 'skew', node: 'cp1', value: 3_600_000 },
    { table: 'power', node: 'w1', value: 'off' },
  ] as const)
    await setFault(staging, setting);

  expect(await staging.load(join(folder, 'snapshot'))).toEqual([]);
  expect(node.read(file)).toMatchObject({ bytes: before?.bytes, mode: before?.mode });
  expect(node.read('/etc/kubernetes/left-over')).toBeUndefined();
  expect(node.read('/var/lib/kubelet/config.yaml')).toBeDefined();
  expect(context.store.get(map)).toBeUndefined();
  expect(context.store.get({ ...map, namespace: 'kube-public', name: 'cluster-info' })).toBeDefined();
  expect(context.store.list({ apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' }).map(({ metadata }) => metadata.name)).not.toContain(
    'policy-agent',
  );
  expect(JSON.parse(vault.state())).toEqual(JSON.parse(tokens));
  expect([context.faults.ssh.size, context.node('cp1').skewMs, node.isOn]).toEqual([0, 0, true]);
  expect(staging.kubelets.every(({ isActive }) => isActive)).toBe(true);
  expect(await readyz()).toBe(200);
});

it('a webhook that fails closed refuses what it is for, in the words of kube-apiserver, and nothing else', async () => {
  await setFault(staging, { table: 'webhook', value: true });
  const [refused, lease] = [await post('configmaps'), await post('serviceaccounts')];
  await setFault(staging, { table: 'webhook' });
  expect(refused.status).toBe(500);
  expect(refused.body).toContain(
    'failed calling webhook \\"check.policy-agent.example.org\\": failed to call webhook: Post \\"https://policy-agent.felt.svc:443/validate?timeout=10s\\": no endpoints available for service \\"policy-agent\\"',
  );
  expect(lease.status).toBe(201);
  expect((await post('configmaps')).status).toBe(201);
});

it('an etcd member that was ended comes back, unless it is hindered', async () => {
  const etcd = (): number | undefined =>
    staging.context
      .node('cp1')
      .processes()
      .find(({ name }) => name === 'etcd')?.pid;
  const pid = etcd();
  await setFault(staging, { table: 'etcd', node: 'cp1', value: true });
  await setFault(staging, { table: 'crash', node: 'cp1', value: 'etcd' });
  await until(async () => (await readyz().catch(() => 0)) !== 200);
  await setFault(staging, { table: 'etcd', node: 'cp1' });
  await until(async () => (await readyz().catch(() => 0)) === 200);
  expect(etcd()).not.toBe(pid);
});

it("a worker joins by kubeadm's way, is Ready, and leaves", async () => {
  const joined = () => staging.context.store.get({ apiVersion: 'v1', kind: 'Node', name: 'joiner' });
  await setFault(staging, { table: 'join', node: 'joiner', value: true });
  await until(async () => JSON.stringify(joined()?.status ?? '').includes('kubelet is posting ready status'));
  expect(staging.context.nodes().map(({ name }) => name)).toContain('joiner');
  await setFault(staging, { table: 'join', node: 'joiner' });
  expect(joined()).toBeUndefined();
  expect(staging.context.nodes().map(({ name }) => name)).not.toContain('joiner');
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

const readyz = async (): Promise<number> => (await ask('GET', '/readyz')).status;

function post(plural: string): Promise<{ status: number; body: string }> {
  const kind = plural === 'configmaps' ? 'ConfigMap' : 'ServiceAccount';
  return ask('POST', `/api/v1/namespaces/default/${plural}`, JSON.stringify({ apiVersion: 'v1', kind, metadata: { generateName: 'x-' } }));
}

/** As the admin of the first control plane. */
function ask(method: string, path: string, body?: string): Promise<{ status: number; body: string }> {
  const admin = staging.context.node('cp1').read('/etc/kubernetes/admin.conf')?.bytes.toString('utf8') ?? '';
  const pem = (field: string): Buffer => Buffer.from(new RegExp(`${field}: (\\S+)`).exec(admin)?.[1] ?? '', 'base64');
  const { address: host, port } = staging.spec.loadBalancer;
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host,
        port,
        path,
        method,
        headers,
        agent: false,
        ca: pem('certificate-authority-data'),
        cert: pem('client-certificate-data'),
        key: pem('client-key-data'),
        checkServerIdentity: () => undefined,
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: text }));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
