/** The API server as the production client sees it: who may, what is refused in which words, and what changes without a restart. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTlsProbe } from '../../adapters/tls/tls-probe.js';
import type { Kube } from '../../ports/kube.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { type Credential, leafOf, newCa, type TestControlPlane, testControlPlane, until } from './control-plane.test-support.js';

let plane: TestControlPlane;
let admin: Credential;
let kube: Kube;
const probe = openTlsProbe();

const at = (): { host: string; port: number } => ({ host: plane.nodes[0]?.address ?? '', port: 6443 });
const config = (name: string, data: Record<string, string>) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name }, data });
const ref = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name });

beforeAll(async () => {
  plane = await testControlPlane();
  await plane.startEtcd(plane.nodes[0]!);
  await plane.startApi(plane.nodes[0]!);
  admin = await leafOf(plane.cas.cluster, 'kubernetes-admin', { organizations: ['kubeadm:cluster-admins'] });
  kube = (await plane.open(admin)).kube();
});

afterAll(async () => {
  await plane?.close();
});

describe('objects through the production client', () => {
  it('creates, reads, replaces, patches and removes', async () => {
    const made = await kube.create(config('a', { k: '1' }));
    expect(made.metadata).toMatchObject({ name: 'a', uid: expect.any(String), resourceVersion: expect.any(String) });
    expect((await kube.patch(ref('a'), { data: { l: '2', k: null } })).data).toEqual({ l: '2' });
    await expect(kube.replace({ ...made, data: {} })).rejects.toMatchObject({ message: expect.stringContaining('409') });
    const now = await kube.read(ref('a'));
    expect((await kube.replace({ ...now!, data: { m: '3' } })).data).toEqual({ m: '3' });
    await expect(kube.create(config('a', {}))).rejects.toThrow('configmaps "a" already exists');
    await expect(kube.remove(ref('a'), { preconditionUid: 'other' })).rejects.toThrow('Precondition failed: UID in precondition: other');
    await kube.remove(ref('a'), { preconditionUid: made.metadata.uid! });
    expect(await kube.read(ref('a'))).toBeUndefined();
  });

  it('lists in pages and by selectors', async () => {
    for (let i = 0; i < 7; i++) await kube.create({ ...config(`p${i}`, {}), metadata: { namespace: 'default', name: `p${i}`, labels: { odd: String(i % 2), page: 'yes' } } });
    const names = async (query: string): Promise<string[]> => {
      const body = JSON.parse((await kube.get(`/api/v1/namespaces/default/configmaps?${query}`)).body) as { items: { metadata: { name: string } }[] };
      return body.items.map((item) => item.metadata.name);
    };
    expect(await names('labelSelector=page%3Dyes,odd%20in%20(1)')).toEqual(['p1', 'p3', 'p5']);
    expect(await names('fieldSelector=metadata.name%3Dp4')).toEqual(['p4']);
    const seen: string[] = [];
    let next: string | undefined = '';
    for (let pages = 0; next !== undefined && pages < 9; pages++) {
      const query: string = `labelSelector=page&limit=3${next === '' ? '' : `&continue=${next}`}`;
      const body = JSON.parse((await kube.get(`/api/v1/configmaps?${query}`)).body) as {
        items: { metadata: { name: string } }[];
        metadata: { continue?: string; remainingItemCount?: number };
      };
      if (pages === 0) expect(body.metadata.remainingItemCount).toBe(4);
      seen.push(...body.items.map((item) => item.metadata.name));
      next = body.metadata.continue;
    }
    expect(seen).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6']);
    expect((await kube.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', labelSelector: 'page' })).map((one) => one.metadata.name)).toHaveLength(7);
  });

  it('approves a request, which is refused when it is too short or for masters', async () => {
    const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
    const csr = async (name: string, spec: Record<string, unknown>, organizations: string[] = []) => ({
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: {
        request: Buffer.from(await makeRequest({ privateKeyPem, subject: { commonName: 'x', organizations } })).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
        ...spec,
      },
    });
    await expect(kube.create(await csr('short', { expirationSeconds: 60 }))).rejects.toThrow(
      'CertificateSigningRequest.certificates.k8s.io "short" is invalid: spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)',
    );
    await expect(kube.create(await csr('root', {}, ['system:masters']))).rejects.toThrow(
      'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    );
    const made = await kube.create(await csr('good', { expirationSeconds: 600 }));
    expect(made.spec).toMatchObject({ username: 'kubernetes-admin', groups: ['kubeadm:cluster-admins', 'system:authenticated'] });
    await kube.approve('good', 'a test');
    const approved = await kube.read({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', name: 'good' });
    expect(approved?.status).toMatchObject({ conditions: [{ type: 'Approved', status: 'True', message: 'a test' }] });
    const signed = await kube.patch(
      { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', name: 'good' },
      { status: { certificate: 'QQ==' } },
      { subresource: 'status' },
    );
    expect(signed.status).toMatchObject({ conditions: [{ type: 'Approved' }], certificate: 'QQ==' });
  });

  it('evicts within the budget, and leaves a pod on a node to its kubelet', async () => {
    const pod = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', name, labels: { app: 'x' } },
      spec: { nodeName: 'w1', containers: [{ name: 'main', image: 'i' }] },
    });
    const made = await kube.create(pod('one'));
    expect(made.spec).toMatchObject({ tolerations: [{ tolerationSeconds: 300 }, { tolerationSeconds: 300 }], volumes: [{ projected: {} }] });
    await kube.patch({ ...ref('one'), kind: 'Pod' }, { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }, { subresource: 'status' });
    const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', namespace: 'default', name: 'b' };
    await kube.create({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace: 'default', name: 'b' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'x' } } },
    });
    await kube.patch(budget, { status: { observedGeneration: 1, desiredHealthy: 1, currentHealthy: 1, disruptionsAllowed: 0 } }, { subresource: 'status' });
    expect(await kube.evict({ namespace: 'default', name: 'one' })).toBe('blocked');
    const answer = await kube.call('POST', '/api/v1/namespaces/default/pods/one/eviction', {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { namespace: 'default', name: 'one' },
    });
    expect(JSON.parse(answer.body)).toMatchObject({
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      reason: 'TooManyRequests',
      details: { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget b needs 1 healthy pods and has 1 currently' }] },
      code: 429,
    });
    await kube.patch(budget, { status: { disruptionsAllowed: 1 } }, { subresource: 'status' });
    expect(await kube.evict({ namespace: 'default', name: 'one', uid: made.metadata.uid! })).toBe('evicted');
    expect((await kube.read(budget))?.status).toMatchObject({ disruptionsAllowed: 0 });
    const leaving = await kube.read({ ...ref('one'), kind: 'Pod' });
    expect(leaving?.metadata).toMatchObject({ deletionTimestamp: expect.any(String), deletionGracePeriodSeconds: 30 });
    await kube.remove({ ...ref('one'), kind: 'Pod' }, { gracePeriodSeconds: 0 });
    expect(await kube.evict({ namespace: 'default', name: 'one' })).toBe('gone');
  });

  it('dry runs change nothing', async () => {
    const answer = await kube.call('POST', '/api/v1/namespaces/default/configmaps?dryRun=All', config('dry', {}));
    expect([answer.status, JSON.parse(answer.body).metadata.name]).toEqual([201, 'dry']);
    expect(await kube.read(ref('dry'))).toBeUndefined();
  });
});

describe('words of refusals', () => {
  const status = (answer: { status: number; body: string }) => JSON.parse(answer.body) as Record<string, unknown>;
  const withoutCredential = (path: string) => probe.request(at(), { method: 'GET', path, deadlineMs: 20_000 });

  it('anonymous: the open paths, cluster-info, and 403 for the rest', async () => {
    expect(await withoutCredential('/readyz')).toEqual({ status: 200, body: 'ok' });
    expect((await withoutCredential('/version')).status).toBe(200);
    expect((await withoutCredential('/api/v1/namespaces/kube-public/configmaps/cluster-info')).status).toBe(404);
    expect(status(await withoutCredential('/api/v1/nodes'))).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope',
      reason: 'Forbidden',
      details: { kind: 'nodes' },
      code: 403,
    });
    expect(status(await withoutCredential('/readyz/etcd'))).toMatchObject({ message: 'forbidden: User "system:anonymous" cannot get path "/readyz/etcd"', code: 403 });
  });

  it('a credential that fails is 401, never anonymous', async () => {
    const stranger = await leafOf(await newCa('kubernetes', 'other'), 'kubernetes-admin', { organizations: ['system:masters'] });
    const answer = await probe.request(at(), { method: 'GET', path: '/version', deadlineMs: 20_000, credential: stranger });
    expect([answer.status, status(answer)]).toEqual([
      401,
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 },
    ]);
    expect(plane.logs.get('kube-apiserver cp1')?.at(-1)).toMatch(
      /"Unable to authenticate the request" err="\[verifying certificate SN=\d+, SKID=.*, AKID=.* failed: x509: certificate signed by unknown authority\]"/,
    );
  });

  it('names the user that a certificate stands for', async () => {
    const someone = await leafOf(plane.cas.cluster, 'rotation-probe');
    const answer = await probe.request(at(), {
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
      credential: someone,
      deadlineMs: 20_000,
    });
    expect([answer.status, status(answer).status]).toMatchObject([
      201,
      {
        userInfo: {
          username: 'rotation-probe',
          groups: ['system:authenticated'],
          extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=/)] },
        },
      },
    ]);
    const other = (await plane.open(someone)).kube();
    await expect(other.list({ apiVersion: 'v1', kind: 'Secret' })).rejects.toThrow(
      'secrets is forbidden: User "rotation-probe" cannot list resource "secrets" in API group "" at the cluster scope',
    );
  });

  it.each([
    [
      'PUT of a Lease without a version',
      'PUT',
      '/apis/coordination.k8s.io/v1/namespaces/default/leases/l',
      { spec: {} },
      422,
      'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update',
    ],
    [
      'a name that is none',
      'POST',
      '/api/v1/namespaces/default/configmaps',
      { metadata: { name: 'A_b' } },
      422,
      'ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of',
    ],
    ['an unknown resource', 'GET', '/api/v1/foo', undefined, 404, 'the server could not find the requested resource'],
    ['an unknown namespace', 'POST', '/api/v1/namespaces/nowhere/configmaps', { metadata: { name: 'a' } }, 404, 'namespaces "nowhere" not found'],
    ['an unknown object', 'GET', '/apis/apps/v1/namespaces/default/deployments/none', undefined, 404, 'deployments.apps "none" not found'],
  ] as const)('%s', async (_what, method, path, body, code, message) => {
    if (path.endsWith('/leases/l')) await kube.call('POST', '/apis/coordination.k8s.io/v1/namespaces/default/leases', { metadata: { name: 'l' }, spec: {} });
    const answer = await kube.call(method, path, body);
    expect(answer.status).toBe(code);
    expect(status(answer).message).toContain(message);
  });
});

it('bound tokens: signed, reviewed, refused when their pod is gone', async () => {
  await kube.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: 'default', name: 'robot' } });
  const answer = await kube.call('POST', '/api/v1/namespaces/default/serviceaccounts/robot/token', { spec: { expirationSeconds: 600 } });
  const { token } = JSON.parse(answer.body).status as { token: string };
  const review = async (): Promise<Record<string, unknown>> =>
    JSON.parse((await kube.call('POST', '/apis/authentication.k8s.io/v1/tokenreviews', { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } })).body)
      .status;
  expect(await review()).toMatchObject({
    authenticated: true,
    user: { username: 'system:serviceaccount:default:robot', groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] },
  });
  await kube.remove({ apiVersion: 'v1', kind: 'ServiceAccount', namespace: 'default', name: 'robot' });
  await until('the success cache is over', async () => (await review()).authenticated !== true);
});
