import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Kube, KubeAccess, KubeObject } from '../../ports/kube.js';
import type { Ca } from '../../x509/certificate-authority.js';
import { ca, leaf } from './certificates.test-support.js';
import { type KubeApi, startKubeApi, status } from './kube-api.test-support.js';
import { failureOf, folder, kubeconfigText, removeFolders, write } from './kubeconfig.test-support.js';
import { openKube } from './open-kube.js';

let authority: Ca;
let serving: Awaited<ReturnType<typeof leaf>>;
let admin: Awaited<ReturnType<typeof leaf>>;
let api: KubeApi;
let access: KubeAccess;
let kube: Kube;

afterAll(removeFolders);
beforeAll(async () => {
  authority = await ca('kubernetes');
  serving = await leaf(authority, 'kube-apiserver', 'serverAuth');
  admin = await leaf(authority, 'kubernetes-admin', 'clientAuth');
});

beforeEach(async () => {
  api = await startKubeApi({ ...serving, clientCaPem: authority.certificatePem });
  const kubeconfig = write(folder(), 'config', kubeconfigText({ server: api.url, caPem: authority.certificatePem, client: admin }));
  access = await openKube({ kubeconfig, env: {} });
  kube = access.kube();
});

afterEach(async () => {
  access.close();
  await api.close();
});

function configMap(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'kube-system', name }, data: {} };
}
const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' };
const path = '/api/v1/namespaces/kube-system/configmaps/kubeadm-config';

describe('objects', () => {
  it('reads, creates, replaces, patches and removes', async () => {
    expect(await kube.read(ref)).toBeUndefined();
    await kube.create(configMap('kubeadm-config'));
    expect(await kube.read(ref)).toEqual(configMap('kubeadm-config'));
    await kube.replace({ ...configMap('kubeadm-config'), data: { a: '1' } });
    expect((await kube.patch(ref, { data: { b: '2' } })).data).toEqual({ b: '2' });
    await kube.remove(ref);
    await kube.remove(ref);
    expect(await kube.read(ref)).toBeUndefined();
    expect(api.seen.map(({ method, client }) => `${method} ${client}`)).toEqual(
      ['GET', 'POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'DELETE', 'GET'].map((verb) => `${verb} kubernetes-admin`),
    );
    expect(api.seen[4]?.headers['content-type']).toBe('application/merge-patch+json');
  });

  it('patches a subresource, and removes only the object with the uid', async () => {
    api.script(() => ({ status: 200, body: {} }));
    await kube.patch({ apiVersion: 'v1', kind: 'Node', name: 'cp1' }, { status: {} }, { subresource: 'status' });
    await kube.remove(ref, { preconditionUid: 'u-1', gracePeriodSeconds: 5 });
    expect(api.seen.map((seen) => seen.path)).toEqual(['/api/v1/nodes/cp1/status', path]);
    expect(JSON.parse(api.seen[1]?.body ?? '')).toEqual({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: 'u-1' }, gracePeriodSeconds: 5 });
  });

  it('sends a JSON patch as it is', async () => {
    const operations = [{ op: 'test', path: '/metadata/resourceVersion', value: '7' } as const, { op: 'remove', path: '/data/token' } as const];
    api.script(() => ({ status: 200, body: configMap('kubeadm-config') }));
    expect(await kube.jsonPatch(ref, operations)).toEqual(configMap('kubeadm-config'));
    expect(api.seen.map(({ method, path: at, headers, body }) => [method, at, headers['content-type'], JSON.parse(body)])).toEqual([
      ['PATCH', path, 'application/json-patch+json', operations],
    ]);
  });

  it.each([
    [409, 'Conflict', 'Operation cannot be fulfilled on secrets "x"', 'outdated'],
    [422, 'Invalid', 'the server rejected our request due to an error in our request', 'outdated'],
    [404, 'NotFound', 'secrets "x" not found', 'gone'],
  ])('a JSON patch that is answered with %i %s is no failure', async (code, reason, message, outcome) => {
    api.script(() => status(code, reason, message));
    expect(await kube.jsonPatch(ref, [{ op: 'remove', path: '/data/token' }])).toBe(outcome);
  });

  it.each([
    [422, 'Invalid', 'Secret "x" is invalid: data: Forbidden: field is immutable when `immutable` is set', 'api-refused', false],
    [429, 'TooManyRequests', 'too many requests', 'api-refused', true],
    [403, 'Forbidden', 'no', 'api-forbidden', false],
  ])('a JSON patch that is answered with %i %s: %s', async (answer, reason, message, code, retryable) => {
    api.script(() => status(answer, reason, message));
    expect(await failureOf(kube.jsonPatch(ref, [{ op: 'remove', path: '/data/token' }]))).toMatchObject({ code, retryable });
  });

  it('encodes names, and refuses to look for a namespaced object everywhere', async () => {
    await kube.read({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'system:node' });
    expect(api.seen[0]?.path).toBe('/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode');
    await expect(kube.read({ apiVersion: 'v1', kind: 'Secret', name: 'x' })).rejects.toThrow('without a namespace');
    await expect(kube.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'x' } })).rejects.toThrow('without a namespace');
  });

  it('asks once where an unknown kind lives', async () => {
    const group = '/apis/cert-manager.io/v1';
    api.script(({ path: asked }) =>
      asked === group
        ? {
            status: 200,
            body: {
              resources: [
                { name: 'issuers/status', kind: 'Issuer', namespaced: true },
                { name: 'issuers', kind: 'Issuer', namespaced: true },
              ],
            },
          }
        : undefined,
    );
    const issuer = { apiVersion: 'cert-manager.io/v1', kind: 'Issuer', namespace: 'a', name: 'b' };
    await kube.read(issuer);
    await kube.read(issuer);
    expect(api.seen.map((seen) => seen.path)).toEqual([group, `${group}/namespaces/a/issuers/b`, `${group}/namespaces/a/issuers/b`]);
  });

  it('a kind that the cluster does not serve has no objects, and takes none', async () => {
    const absent = { apiVersion: 'absent.example/v1', kind: 'Thing', name: 'x' };
    expect(await kube.read(absent)).toBeUndefined();
    expect(await kube.list(absent)).toEqual([]);
    expect(await failureOf(kube.patch(absent, {}))).toMatchObject({ code: 'api-refused', retryable: false });
  });
});

describe('list', () => {
  it('reads all pages and says what the items are', async () => {
    for (let i = 0; i < 1201; i += 1) api.objects.set(`/api/v1/pods/p${i}`, { metadata: { name: `p${i}` } });
    const pods = await kube.list({ apiVersion: 'v1', kind: 'Pod', labelSelector: 'a=b', fieldSelector: 'spec.nodeName=w1' });
    expect(pods).toHaveLength(1201);
    expect(pods[1200]).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p1200' } });
    expect(api.seen.map(({ query }) => [query.get('limit'), query.get('continue'), query.get('labelSelector'), query.get('fieldSelector')])).toEqual(
      [null, '500', '1000'].map((after) => ['500', after, 'a=b', 'spec.nodeName=w1']),
    );
  });

  it('begins again when the list has become too old', async () => {
    for (let i = 0; i < 600; i += 1) api.objects.set(`/api/v1/nodes/n${i}`, { metadata: { name: `n${i}` } });
    let expired = 0;
    api.script(({ query }) => {
      if (!query.has('continue')) return undefined;
      expired += 1;
      return expired === 1 ? status(410, 'Expired', 'The provided continue parameter is too old') : undefined;
    });
    expect(await kube.list({ apiVersion: 'v1', kind: 'Node' })).toHaveLength(600);
    expect(api.seen).toHaveLength(4);
  });

  it('gives up when it is always too old', async () => {
    api.script(() => status(410, 'Expired', 'too old'));
    expect(await failureOf(kube.list({ apiVersion: 'v1', kind: 'Node' }))).toMatchObject({ code: 'api-refused', cause: '410 Expired: too old' });
    expect(api.seen).toHaveLength(4);
  });
});

describe('approve', () => {
  const csr = '/apis/certificates.k8s.io/v1/certificatesigningrequests/node-csr';

  it('adds the condition through the subresource, also when another wrote in between; a second time is nothing', async () => {
    const request = { metadata: { name: 'node-csr' }, spec: { request: 'x' }, status: {} as Record<string, unknown> };
    let puts = 0;
    api.script(({ method, body }) => {
      if (method === 'GET') return { status: 200, body: request };
      puts += 1;
      if (puts === 1) return status(409, 'Conflict', 'the object has been modified');
      request.status = (JSON.parse(body) as { status: Record<string, unknown> }).status;
      return { status: 200, body: request };
    });
    await kube.approve('node-csr', 'rotation of worker-1');
    expect(request.status.conditions).toMatchObject([{ type: 'Approved', status: 'True', message: 'rotation of worker-1' }]);
    expect(api.seen.map(({ method, path: asked }) => `${method} ${asked}`)).toEqual([`GET ${csr}`, `PUT ${csr}/approval`, `GET ${csr}`, `PUT ${csr}/approval`]);
    await kube.approve('node-csr', 'again');
    expect(puts).toBe(2);
  });

  it('says that the request is not there', async () => {
    expect(await failureOf(kube.approve('none', 'x'))).toMatchObject({ code: 'api-refused' });
  });
});

describe('evict', () => {
  it.each([
    [status(201, 'Created', ''), 'evicted'],
    [status(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget."), 'blocked'],
    [status(404, 'NotFound', 'pods "p" not found'), 'gone'],
    [status(409, 'Conflict', 'the UID in the precondition does not match'), 'gone'],
  ] as const)('%j is %s', async (reply, outcome) => {
    api.script(({ method }) => (method === 'POST' ? reply : undefined));
    expect(await kube.evict({ namespace: 'a', name: 'p', uid: 'u-1' })).toBe(outcome);
    expect(JSON.parse(api.seen[0]?.body ?? '')).toEqual({
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace: 'a', name: 'p' },
      deleteOptions: { preconditions: { uid: 'u-1' } },
    });
  });

  it('a conflict about the same pod is refused', async () => {
    api.script(({ method }) => (method === 'POST' ? status(409, 'Conflict', 'x') : { status: 200, body: { metadata: { name: 'p', uid: 'u-1' } } }));
    expect(await failureOf(kube.evict({ namespace: 'a', name: 'p', uid: 'u-1' }))).toMatchObject({ code: 'api-refused', retryable: true });
  });
});

describe('answers that are no success', () => {
  it.each([
    [401, 'Unauthorized', 'api-forbidden', false],
    [403, 'Forbidden', 'api-forbidden', false],
    [409, 'Conflict', 'api-refused', true],
    [422, 'Invalid', 'api-refused', false],
    [429, 'TooManyRequests', 'api-refused', true],
    [500, 'InternalError', 'api-refused', true],
    [503, 'ServiceUnavailable', 'api-refused', true],
  ] as const)('%i %s is %s', async (code, reason, error, retryable) => {
    api.script(() => status(code, reason, 'because'));
    expect(await failureOf(kube.patch(ref, {}))).toMatchObject({ code: error, retryable, target: api.url, cause: `${code} ${reason}: because` });
    expect(api.seen).toHaveLength(1);
  });

  it('401 names the CA of the certificate that was presented', async () => {
    api.script(() => status(401, 'Unauthorized', 'Unauthorized'));
    const { summary } = await failureOf(kube.read(ref));
    expect(summary).toContain('client certificate "O=system:masters, CN=kubernetes-admin" issued by "CN=kubernetes"');
  });

  it('the page of a proxy is no Kubernetes API', async () => {
    api.script(() => ({ status: 200, text: '<html>login' }));
    expect(await failureOf(kube.read(ref))).toMatchObject({ code: 'api-refused', cause: '200: <html>login' });
    api.script(() => ({ status: 502, text: '<html>bad gateway' }));
    expect(await failureOf(kube.list(ref))).toMatchObject({ code: 'api-refused', cause: '502: <html>bad gateway', retryable: true });
  });

  it('get and call return any status', async () => {
    api.script(({ method }) => ({ status: method === 'GET' ? 500 : 403, text: 'etcd failed' }));
    expect(await kube.get('/readyz?verbose')).toEqual({ status: 500, body: 'etcd failed' });
    expect(await kube.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { a: 1 })).toEqual({ status: 403, body: 'etcd failed' });
    expect(api.seen[1]?.body).toBe('{"a":1}');
  });
});

it('at: the same credential and connections of its own on another URL', async () => {
  const other = await startKubeApi({ ...serving, clientCaPem: authority.certificatePem });
  const there = kube.at(`${other.url}/`);
  expect(there.server).toBe(other.url);
  expect(await there.read(ref)).toBeUndefined();
  expect(other.seen[0]?.client).toBe('kubernetes-admin');
  expect(api.seen).toHaveLength(0);
  await other.close();
});
