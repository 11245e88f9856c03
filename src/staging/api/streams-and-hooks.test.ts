/** Watches, patches, webhooks, tokens of Secrets, and what the API server fetches from kubelets. */

import { createServer } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TLSSocket } from 'node:tls';
import type { Kube } from '../../ports/kube.js';
import { createClient } from '../client/create-client.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import type { StagingClient } from '../client/staging-client.js';
import { type Credential, leafOf, newCa, pki, type TestControlPlane, testControlPlane, until } from './control-plane.test-support.js';
import { legacyClaims, signingKey, signToken } from './service-account-tokens.js';

let plane: TestControlPlane;
let admin: Credential;
let kube: Kube;
let client: StagingClient;
const maps = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  plane = await testControlPlane();
  await plane.startEtcd(plane.nodes[0]!);
  await plane.startApi(plane.nodes[0]!);
  admin = await leafOf(plane.cas.cluster, 'kubernetes-admin', { organizations: ['kubeadm:cluster-admins'] });
  kube = (await plane.open(admin)).kube();
  client = createClient(
    readStagingKubeconfig(plane.kubeconfig(admin), () => undefined),
    { clock: plane.context.clock },
  );
});

afterAll(async () => {
  client?.close();
  await plane?.close();
});

const config = (name: string, labels: Record<string, string> = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name, labels }, data: {} });

describe('watches', () => {
  it('follow a selection', async () => {
    const seen: string[] = [];
    await kube.create(config('w1', { w: '1' }));
    let synced = false;
    const stop = client.inform(
      maps,
      { onObject: (type, object) => seen.push(`${type} ${(object.metadata as { name: string }).name}`), onSynced: () => (synced = true) },
      'labelSelector=w%3D1',
    );
    await until('it is synced', () => synced);
    await kube.create(config('w2', { w: '1' }));
    await kube.create(config('other'));
    await kube.patch({ ...config('w2'), namespace: 'default', name: 'w2' }, { metadata: { labels: { w: '2' } } });
    await kube.remove({ ...config('w1'), namespace: 'default', name: 'w1' });
    await until('all has come', () => seen.length === 4);
    expect(seen).toEqual(['ADDED w1', 'ADDED w2', 'DELETED w2', 'DELETED w1']);
    stop();
  });

  it('that go on from a version before an object do not call it gone because it did not fit at first', async () => {
    const from = plane.store.revision;
    await kube.create(config('late'));
    await kube.patch({ ...config('late'), namespace: 'default', name: 'late' }, { metadata: { labels: { late: '1' } } });
    const { body } = await client.request('GET', `${maps}?watch=true&labelSelector=late%3D1&resourceVersion=${from}&timeoutSeconds=1`);
    const lines = body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; object: { metadata: { name: string } } });
    expect(lines.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual(['ADDED late']);
  });

  it('begin anew when the version is too old: 410 as an event', async () => {
    plane.store.load(plane.store.dump());
    const answer = await client.request('GET', `${maps}?watch=true&resourceVersion=0&timeoutSeconds=1`);
    expect(answer.body).toContain('"type":"ADDED"');
    for (let i = 0; i < 25_000; i++) plane.store.update({ ...config('other'), data: { i: String(i) } });
    const old = await client.request('GET', `${maps}?watch=true&resourceVersion=1&timeoutSeconds=1`);
    expect(old.status).toBe(200);
    expect(JSON.parse(old.body)).toMatchObject({
      type: 'ERROR',
      object: { code: 410, reason: 'Expired', message: expect.stringMatching(/^too old resource version: 1 \(\d+\)$/) },
    });
  });

  it('go on after the server was away', async () => {
    const seen: string[] = [];
    const troubles: string[] = [];
    const stop = client.inform(
      maps,
      { onObject: (type, { metadata }) => seen.push(`${type} ${(metadata as { name: string }).name}`), onTrouble: (text) => troubles.push(text) },
      'labelSelector=away',
    );
    await kube.create(config('away1', { away: '' }));
    await until('the first is seen', () => seen.includes('ADDED away1'));
    client.reconnect();
    await kube.create(config('away2', { away: '' }));
    await until('the second is seen', () => seen.includes('ADDED away2'));
    stop();
  });
});

describe('patches', () => {
  const path = '/apis/apps/v1/namespaces/default/deployments/d';
  const container = (name: string, image: string) => ({ name, image, env: [{ name: 'A', value: '1' }] });
  const send = (contentType: string, body: unknown) => client.request('PATCH', path, { body, contentType });
  const images = (body: string): string[] => (JSON.parse(body).spec.template.spec.containers as { name: string; image: string }[]).map(({ name, image }) => `${name}=${image}`);

  beforeAll(async () => {
    const spec = { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container('one', 'i1'), container('two', 'i2')] } } };
    await client.request('POST', '/apis/apps/v1/namespaces/default/deployments', { body: { metadata: { name: 'd' }, spec } });
  });

  it('of each kind', async () => {
    const strategic = await send('application/strategic-merge-patch+json', { spec: { template: { spec: { containers: [{ name: 'two', image: 'i3' }] } } } });
    expect(images(strategic.body)).toEqual(['one=i1', 'two=i3']);
    expect(JSON.parse(strategic.body).metadata.generation).toBe(2);
    const json = await send('application/json-patch+json', [
      { op: 'test', path: '/spec/template/spec/containers/0/name', value: 'one' },
      { op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'i4' },
      { op: 'add', path: '/metadata/annotations', value: { 'a/b': 'c' } },
      { op: 'remove', path: '/metadata/annotations/a~1b' },
    ]);
    expect(images(json.body)).toEqual(['one=i4', 'two=i3']);
    const merge = await send('application/merge-patch+json', { spec: { template: { spec: { containers: [container('three', 'i5')] } } } });
    expect(images(merge.body)).toEqual(['three=i5']);
    expect((await send('application/apply-patch+yaml', { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd' }, spec: { replicas: 4 } })).body).toContain(
      '"replicas":4',
    );
  });

  it.each([
    ['application/json-patch+json', [{ op: 'test', path: '/kind', value: 'Pod' }], 422, 'the server rejected our request due to an error in our request'],
    ['application/json-patch+json', { spec: {} }, 400, 'cannot unmarshal object into Go value of type jsonpatch.Patch'],
    ['text/plain', {}, 415, 'the body of the request was in an unknown format'],
    ['application/merge-patch+json', { metadata: { resourceVersion: '1' } }, 409, 'the object has been modified; please apply your changes to the latest version and try again'],
    ['application/merge-patch+json', { spec: { selector: { matchLabels: { a: 'c' } } } }, 422, 'field is immutable'],
  ])('%s that is refused: %o', async (contentType, body, status, message) => {
    const answer = await send(contentType, body);
    expect([answer.status, JSON.parse(answer.body).message]).toEqual([status, expect.stringContaining(message)]);
  });
});

it('a JSON patch is tested on the object as it is, whoever else writes at the same time', async () => {
  const made = await kube.create({ ...config('counted'), data: { n: 'there' } });
  const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'counted' };
  const removal = (version: string | undefined) =>
    kube.jsonPatch(ref, [
      { op: 'test', path: '/metadata/resourceVersion', value: version },
      { op: 'remove', path: '/data/n' },
    ]);
  const answers = await Promise.all([removal(made.metadata.resourceVersion), removal(made.metadata.resourceVersion)]);
  expect(answers.filter((answer) => answer === 'outdated')).toHaveLength(1);
  const now = await kube.read(ref);
  expect(now?.data ?? {}).toEqual({});
  // What is not there cannot be removed.
  expect(await removal(now?.metadata.resourceVersion)).toBe('outdated');
  const unconditional = Array.from({ length: 4 }, (_, n) => kube.jsonPatch(ref, [{ op: 'add', path: '/metadata/labels', value: { n: String(n) } }]));
  expect((await Promise.all(unconditional)).every((answer) => typeof answer === 'object')).toBe(true);
  await kube.remove(ref);
  expect(await kube.jsonPatch(ref, [{ op: 'remove', path: '/data/n' }])).toBe('gone');
});

it('webhooks: out of reach, not trusted, refusing, changing', async () => {
  const ca = await newCa('hooks');
  const pair = await leafOf(ca, 'hook', { sans: ['IP:127.0.0.1'], usages: ['serverAuth'] });
  let response: Record<string, unknown> = { allowed: true };
  const server = createServer({ cert: pair.certificatePem, key: pair.key.reveal() }, (_request, answer) => void answer.end(JSON.stringify({ response })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const hooks = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  const configure = async (url: string, caPem: string, failurePolicy: string): Promise<void> => {
    await client.request('DELETE', `${hooks}/h`);
    const rules = [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }];
    const hook = {
      name: 'h.example.com',
      failurePolicy,
      clientConfig: { url, caBundle: Buffer.from(caPem).toString('base64') },
      rules,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    expect((await client.request('POST', hooks, { body: { metadata: { name: 'h' }, webhooks: [hook] } })).status).toBe(201);
  };
  const create = async (name: string): Promise<[number, string]> => {
    const answer = await client.request('POST', maps, { body: config(name) });
    return [answer.status, JSON.parse(answer.body).message ?? JSON.stringify(JSON.parse(answer.body).data)];
  };
  const called = 'Internal error occurred: failed calling webhook "h.example.com": failed to call webhook: Post "https://127.0.0.1';
  await configure('https://127.0.0.1:1/x', ca.certificatePem, 'Fail');
  expect(await create('h1')).toEqual([500, `${called}:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused`]);
  await configure('https://127.0.0.1:1/x', ca.certificatePem, 'Ignore');
  expect((await create('h2'))[0]).toBe(201);
  await configure(`https://127.0.0.1:${port}/x`, (await newCa('hooks', 'g2')).certificatePem, 'Fail');
  expect(await create('h3')).toEqual([500, `${called}:${port}/x?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`]);
  await configure(`https://127.0.0.1:${port}/x`, ca.certificatePem, 'Fail');
  response = { allowed: false, status: { message: 'no' } };
  expect(await create('h4')).toEqual([400, 'admission webhook "h.example.com" denied the request: no']);
  response = { allowed: true, patchType: 'JSONPatch', patch: Buffer.from('[{"op":"add","path":"/data/x","value":"y"}]').toString('base64') };
  expect(await create('h5')).toEqual([201, '{"x":"y"}']);
  await client.request('DELETE', `${hooks}/h`);
  server.close();
});

it('legacy tokens: as long as the Secret holds the same bytes', async () => {
  const account = await kube.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'default', name: 'old' } });
  const key = signingKey(plane.nodes[0]!.read(`${pki}/sa.key`)!.bytes.toString('utf8'));
  const token = signToken(key, legacyClaims({ namespace: 'default', secret: 'old-token', serviceAccount: 'old', uid: account.metadata.uid! }));
  const asAccount = createClient({ server: plane.url, caPem: plane.cas.cluster.certificatePem, token: () => token });
  const status = async (): Promise<number> => (await asAccount.request('GET', maps)).status;
  expect(await status()).toBe(401);
  const metadata = { namespace: 'default', name: 'old-token', annotations: { 'kubernetes.io/service-account.name': 'old' } };
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/service-account-token' };
  await kube.create({ ...secret, data: { token: Buffer.from(token).toString('base64') } });
  expect(await status()).toBe(200);
  expect((await asAccount.request('GET', '/api/v1/secrets')).status).toBe(403);
  await kube.patch({ apiVersion: 'v1', kind: 'Secret', namespace: 'default', name: 'old-token' }, { data: { token: 'QQ==' } });
  await until('the success cache is over', async () => (await status()) === 401);
  expect(plane.logs.get('kube-apiserver cp1')!.some((line) => line.includes("service account token does not match server's copy"))).toBe(true);
  asAccount.close();
});

it('logs of pods come from the kubelet, with the pair of the moment', async () => {
  const kubelet = await leafOf(await newCa('w9-ca'), 'w9', { sans: ['IP:127.0.0.1'], usages: ['serverAuth'] });
  let status = 200;
  const seen: string[] = [];
  const server = createServer({ cert: kubelet.certificatePem, key: kubelet.key.reveal(), requestCert: true, rejectUnauthorized: false }, (request, answer) => {
    seen.push(`${(request.socket as TLSSocket).getPeerCertificate().fingerprint256} ${request.url ?? ''}`);
    answer.writeHead(status).end(status === 200 ? 'a line\n' : 'Unauthorized');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  plane.store.create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'w9' },
    status: { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: port } } },
  });
  await kube.create({ apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'default', name: 'p' }, spec: { nodeName: 'w9', containers: [{ name: 'main', image: 'i' }] } });
  const log = '/api/v1/namespaces/default/pods/p/log';
  expect(await kube.get(`${log}?tailLines=1`)).toEqual({ status: 200, body: 'a line\n' });
  expect(seen[0]).toMatch(/ \/containerLogs\/default\/p\/main\?tailLines=1$/);
  status = 401;
  expect(JSON.parse((await kube.get(log)).body)).toMatchObject({
    message: 'the server has asked for the client to provide credentials ( pods/log p)',
    reason: 'Unauthorized',
    code: 401,
  });
  expect(await kube.get('/api/v1/nodes/w9/proxy/pods')).toEqual({ status: 401, body: 'Unauthorized' });
  status = 200;
  const next = await leafOf(plane.cas.cluster, 'kube-apiserver-kubelet-client', { organizations: ['kubeadm:cluster-admins'] });
  plane.nodes[0]!.write(`${pki}/apiserver-kubelet-client.key`, next.key.reveal());
  plane.nodes[0]!.write(`${pki}/apiserver-kubelet-client.crt`, next.certificatePem);
  await until('the other pair is presented', async () => {
    await kube.get(log);
    return seen.at(-1)?.split(' ')[0] !== seen[0]?.split(' ')[0];
  });
  server.closeAllConnections();
  server.close();
  expect(JSON.parse((await kube.get(log)).body).message).toMatch(
    /^Get "https:\/\/127\.0\.0\.1:\d+\/containerLogs\/default\/p\/main": dial tcp 127\.0\.0\.1:\d+: connect: connection refused$/,
  );
});
