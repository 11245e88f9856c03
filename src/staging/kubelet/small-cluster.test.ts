import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../domain/pki/certificate.js';
import { splitPem } from '../../domain/pki/pem.js';
import { type Ca, makeCa } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { isReady as isReadyPod } from '../controllers/workload-objects.js';
import { readStagingKubeconfig } from '../client/kubeconfig-file.js';
import { caCertHashOf, joinNode } from './join-node.js';
import { askKubelet, credential, type SmallCluster, startSmallCluster, until } from './small-cluster.test-support.js';

const manifests = '/etc/kubernetes/manifests';
const currentPem = '/var/lib/kubelet/pki/kubelet-client-current.pem';
let cluster: SmallCluster;
let other: Ca;

beforeAll(async () => {
  cluster = await startSmallCluster({ topology: '1+2', outside: ['w2'] });
  const nowMs = Date.now();
  other = await makeCa({ subject: { commonName: 'kubernetes' }, notBeforeMs: nowMs - 300_000, notAfterMs: nowMs + 3600_000 });
  await until('nodes are Ready and workloads are there', () => isReady('w1') && isReady('cp1') && replicas('felt-go') === 3, 60_000);
});
afterAll(() => cluster.close());

const pidOf = (name: string): number | undefined => podOf(name)?.container?.pid;
const podOf = (name: string) =>
  cluster
    .kubelet('cp1')
    .staticPods()
    .find((pod) => pod.manifest.name === name);
const conditionOf = (node: string) =>
  (cluster.object('Node', '', node)?.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions?.find((one) => one.type === 'Ready')?.status;
const renewedAtMs = (node: string): number => Date.parse((cluster.object('Lease', 'kube-node-lease', node)?.spec as { renewTime?: string } | undefined)?.renewTime ?? '');
const isReady = (node: string): boolean => conditionOf(node) === 'True';
const replicas = (name: string): number => (cluster.object('Deployment', 'felt', name)?.status as { readyReplicas?: number } | undefined)?.readyReplicas ?? 0;
const dataOf = (kind: string, namespace: string, name: string): Record<string, string> => (cluster.object(kind, namespace, name)?.data ?? {}) as Record<string, string>;

describe('static pods', () => {
  it('are not restarted by a touch or the same content, and are by an annotation', async () => {
    const before = pidOf('kube-scheduler');
    await cluster.run('cp1', `touch ${manifests}/kube-scheduler.yaml; cp ${manifests}/kube-scheduler.yaml /tmp/s; cat /tmp/s > ${manifests}/kube-scheduler.yaml`);
    await cluster.context.clock.wait(30_000);
    expect(pidOf('kube-scheduler')).toBe(before);
    await cluster.run('cp1', `sed -i 's/^metadata:$/metadata:\\n  annotations: { rotate-ca\\/generation: "1" }/' ${manifests}/kube-scheduler.yaml`);
    await until('another process', () => podOf('kube-scheduler')?.container?.isReady && pidOf('kube-scheduler') !== before);
    const processes = cluster.node('cp1').processes();
    expect(processes.filter(({ name }) => name === 'kube-scheduler')).toHaveLength(1);
    const uid = podOf('kube-scheduler')?.manifest.uid;
    await until('its mirror pod', () => cluster.object('Pod', 'kube-system', 'kube-scheduler-cp1')?.metadata.annotations?.['kubernetes.io/config.mirror'] === uid);
  });

  it('of the same name wait: a copy beside the manifest never runs with it', async () => {
    await cluster.run('cp1', `cp ${manifests}/kube-scheduler.yaml ${manifests}/kube-scheduler.yaml.bak`);
    await cluster.context.clock.wait(60_000);
    expect(
      cluster
        .node('cp1')
        .processes()
        .filter((process) => process.name === 'kube-scheduler'),
    ).toHaveLength(1);
    await cluster.run('cp1', `rm ${manifests}/kube-scheduler.yaml.bak`);
  });

  it('that are killed come back at once, with another process of the same pod', async () => {
    const [before, uid] = [pidOf('kube-scheduler'), podOf('kube-scheduler')?.manifest.uid];
    await cluster.run('cp1', `kill -TERM ${before}`);
    await until('another process', () => podOf('kube-scheduler')?.container?.isReady && pidOf('kube-scheduler') !== before);
    expect(podOf('kube-scheduler')?.manifest.uid).toBe(uid);
    await until('the restart is counted', () => JSON.stringify(cluster.object('Pod', 'kube-system', 'kube-scheduler-cp1')?.status).includes('"restartCount":1'));
  });

  it('outlive their kubelet', async () => {
    const before = ['etcd', 'kube-apiserver'].map(pidOf);
    await cluster.run('cp1', 'systemctl restart kubelet');
    await until('static pods are looked after again', () => podOf('etcd') !== undefined && isReady('cp1'));
    expect(['etcd', 'kube-apiserver'].map(pidOf)).toEqual(before);
  });

  it('have mirror pods that are made again and restart nothing', async () => {
    const [before, uid] = [pidOf('etcd'), cluster.object('Pod', 'kube-system', 'etcd-cp1')?.metadata.uid];
    await cluster.kube.remove('Pod', { namespace: 'kube-system', name: 'etcd-cp1' });
    await until('another mirror', () => ![undefined, uid].includes(cluster.object('Pod', 'kube-system', 'etcd-cp1')?.metadata.uid));
    expect(pidOf('etcd')).toBe(before);
  });

  it('count as ready again once their kubelet is heard of again, which restarts none of them', async () => {
    const before = pidOf('etcd');
    const isMirrorReady = (): boolean => [cluster.object('Pod', 'kube-system', 'etcd-cp1')].some((pod) => pod !== undefined && isReadyPod(pod));
    await cluster.run('cp1', 'systemctl stop kubelet');
    await until('the node is lost, and its pods with it', () => conditionOf('cp1') === 'Unknown' && !isMirrorReady());
    await cluster.run('cp1', 'systemctl start kubelet');
    await until('both are back', () => isReady('cp1') && isMirrorReady());
    expect(pidOf('etcd')).toBe(before);
  });
});

describe('the server of a kubelet', () => {
  it('names who it knows, and refuses the others', async () => {
    const { cluster: ca } = cluster.authorities;
    expect(await askKubelet(cluster.node('w1').address, '/pods')).toMatchObject({ status: 401, body: 'Unauthorized' });
    expect((await askKubelet(cluster.node('w1').address, '/pods', await credential(ca, 'rotation-probe'))).body).toBe(
      'Forbidden (user=rotation-probe, verb=get, resource=nodes, subresource(s)=[pods proxy])\n',
    );
    expect((await askKubelet(cluster.node('w1').address, '/pods', await credential(ca, 'root', ['system:masters']))).status).toBe(200);
    expect((await askKubelet(cluster.node('w1').address, '/pods', await credential(other, 'rotation-probe'))).status).toBe(401);
    expect((await askKubelet(cluster.node('w1').address, '/pods', { headers: { authorization: 'Bearer nonsense' } })).status).toBe(401);
    const token = Buffer.from(dataOf('Secret', 'tokens-1', 'token-1').token ?? '', 'base64').toString();
    expect((await askKubelet(cluster.node('w1').address, '/pods', { headers: { authorization: `Bearer ${token}` } })).body).toContain(
      'user=system:serviceaccount:tokens-1:token-holder',
    );
  });

  it('follows its client CA without a restart', async () => {
    const mine = cluster.authorities.cluster.certificatePem;
    const probe = await credential(other, 'rotation-probe');
    cluster.node('w1').write('/etc/kubernetes/pki/ca.crt', `${mine}${other.certificatePem}`);
    await until('the second CA is loaded', async () => (await askKubelet(cluster.node('w1').address, '/pods', probe)).status === 403);
    cluster.node('w1').write('/etc/kubernetes/pki/ca.crt', mine);
    await until('the second CA is dropped', async () => (await askKubelet(cluster.node('w1').address, '/pods', probe)).status === 401);
  });

  it('gives logs to kubectl through the API server', async () => {
    const answer = await cluster.admin.request('GET', '/api/v1/namespaces/kube-system/pods/kube-scheduler-cp1/log');
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('Starting Kubernetes Scheduler') });
  });
});

describe('kube-controller-manager', () => {
  it('undoes edits of kube-root-ca.crt and fills cleared tokens with the same bytes', async () => {
    const before = dataOf('Secret', 'tokens-1', 'token-1').token;
    await cluster.kube.patch('ConfigMap', { namespace: 'felt', name: 'kube-root-ca.crt' }, { data: { 'ca.crt': 'edited', more: 'x' } });
    await cluster.kube.patch('Secret', { namespace: 'tokens-1', name: 'token-1' }, { data: { token: '' } });
    await until(
      'both are as before',
      () => dataOf('Secret', 'tokens-1', 'token-1').token === before && dataOf('ConfigMap', 'felt', 'kube-root-ca.crt')['ca.crt'] === cluster.authorities.cluster.certificatePem,
    );
    expect(Object.keys(dataOf('ConfigMap', 'felt', 'kube-root-ca.crt'))).toEqual(['ca.crt']);
  });

  it('publishes to a new namespace, and gives it an account', async () => {
    await cluster.kube.create('Namespace', {}, { metadata: { name: 'fresh' } });
    await until(
      'both are there',
      () => dataOf('ConfigMap', 'fresh', 'kube-root-ca.crt')['ca.crt'] !== undefined && cluster.object('ServiceAccount', 'fresh', 'default') !== undefined,
    );
  });

  it('signs approved requests for a short life', async () => {
    const pem = await signed('probe-1');
    const [leaf] = splitPem(pem ?? '').blocks.map((block) => parseCertificate(block.bytes));
    expect(leaf?.x509.verify(parseCertificate(splitPem(cluster.authorities.cluster.certificatePem).blocks[0]?.bytes ?? Buffer.alloc(0)).x509.publicKey)).toBe(true);
    expect((leaf?.record.notAfterMs ?? 0) - (leaf?.record.notBeforeMs ?? 0)).toBeLessThan(1_000_000);
  });

  it('signs nothing while its signing file is a bundle, and does not start with it', async () => {
    const node = cluster.node('cp1');
    const mine = cluster.authorities.cluster.certificatePem;
    node.write('/etc/kubernetes/pki/ca.crt', `${mine}${other.certificatePem}`);
    await cluster.context.clock.wait(5_000);
    expect(await signed('probe-2', 2_000)).toBeUndefined();
    const before = pidOf('kube-controller-manager');
    await cluster.run('cp1', `kill ${before}`);
    const line = 'error reading CA cert file "/etc/kubernetes/pki/ca.crt": expected 1 certificate, found 2';
    await until('it crashes', () => cluster.logOf('cp1', 'kube-controller-manager').some((one) => one.includes(line)));
    node.write('/etc/kubernetes/pki/ca.crt', mine);
    await until('it is back', () => podOf('kube-controller-manager')?.container?.isReady, 60_000);
    await until('it leads, and signs what waited', async () => (await signed('probe-3', 5_000)) !== undefined, 60_000);
  });

  it('signs cluster-info again when it changes', async () => {
    const before = dataOf('ConfigMap', 'kube-public', 'cluster-info');
    const key = Object.keys(before).find((one) => one.startsWith('jws-')) ?? '';
    await cluster.kube.patch('ConfigMap', { namespace: 'kube-public', name: 'cluster-info' }, { data: { kubeconfig: `${before.kubeconfig ?? ''}\n` } });
    await until('another signature', () => ![undefined, before[key]].includes(dataOf('ConfigMap', 'kube-public', 'cluster-info')[key]));
    await cluster.kube.patch('ConfigMap', { namespace: 'kube-public', name: 'cluster-info' }, { data: { kubeconfig: before.kubeconfig } });
    await until('the signature of before', () => dataOf('ConfigMap', 'kube-public', 'cluster-info')[key] === before[key]);
  });
});

describe('workloads', () => {
  it.each([
    ['Deployment', 'felt', 'felt-go'],
    ['StatefulSet', 'felt', 'felt-store'],
    ['DaemonSet', 'kube-system', 'kube-proxy'],
  ] as const)('a %s rolls all its pods', async (kind, namespace, name) => {
    const uids = (): string[] => cluster.store.list({ apiVersion: 'v1', kind: 'Pod', namespace }).flatMap((pod) => (pod.metadata.labels?.app === name ? [pod.metadata.uid] : []));
    const before = uids();
    const patched = await cluster.kube.patch(
      kind,
      { namespace, name },
      { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': new Date().toISOString() } } } } },
    );
    await until('it has rolled', () => {
      const object = cluster.object(kind, namespace, name);
      const status = (object?.status ?? {}) as Record<string, number | string | undefined>;
      if (Number(status.observedGeneration ?? 0) < (patched.metadata.generation ?? 0)) return false;
      if (kind === 'DaemonSet') return status.updatedNumberScheduled === status.desiredNumberScheduled && status.numberAvailable === status.desiredNumberScheduled;
      const wanted = (object?.spec as { replicas?: number } | undefined)?.replicas;
      return status.updatedReplicas === wanted && status.readyReplicas === wanted && status.replicas === wanted && status.currentRevision === status.updateRevision;
    });
    await until('those of before have ended', () => !uids().some((uid) => before.includes(uid)));
    expect(uids()).toHaveLength(before.length);
  });

  it('ask the API, and none is refused', async () => {
    await until('they have asked', () => cluster.kubelet('w1').podCounters().requests > 20);
    const counters = cluster.kubelet('w1').podCounters();
    // While kube-apiserver stays up no request may fail; TLS and authentication least of all.
    expect(counters.byReason).toEqual({});
  });
});

describe('the client certificate of a kubelet', () => {
  it('is not missed while it runs; without it and a bootstrap file the next start exits', async () => {
    const target = (await cluster.run('w1', `readlink ${currentPem}`)).trim();
    await cluster.run('w1', `rm ${currentPem}`);
    await cluster.context.clock.wait(30_000);
    expect(isReady('w1')).toBe(true);
    await cluster.run('w1', 'systemctl restart kubelet');
    expect(await cluster.run('w1', 'journalctl -u kubelet -n 20')).toContain(
      'unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory',
    );
    expect(cluster.kubelet('w1').isActive).toBe(false);
    await cluster.run('w1', `ln -s ${target} ${currentPem}`);
    await until('systemd has started it again', () => cluster.kubelet('w1').isActive);
    const startedAtMs = Date.now();
    await until('it renews its lease', () => renewedAtMs('w1') > startedAtMs);
  });

  it('of an untrusted CA is kept: the node is lost, and its kubelet stays', async () => {
    const target = (await cluster.run('w1', `readlink ${currentPem}`)).trim();
    const bad = await credential(other, 'system:node:w1', ['system:nodes']);
    cluster.node('w1').write('/var/lib/kubelet/pki/kubelet-client-bad.pem', `${bad.cert}${bad.key}`, { mode: 0o600 });
    await cluster.run('w1', `ln -sfn /var/lib/kubelet/pki/kubelet-client-bad.pem ${currentPem}; systemctl restart kubelet`);
    await until('the node is not Ready', () => conditionOf('w1') === 'Unknown');
    expect(cluster.kubelet('w1').isActive).toBe(true);
    await cluster.run('w1', `ln -sfn ${target} ${currentPem}; systemctl restart kubelet`);
    await until('the node is back', () => isReady('w1'));
  });

  it('comes through the API when a node joins', async () => {
    const token = { id: randomBytes(3).toString('hex'), secret: randomBytes(8).toString('hex') };
    const b64 = (text: string): string => Buffer.from(text).toString('base64');
    await cluster.kube.create(
      'Secret',
      { namespace: 'kube-system' },
      {
        metadata: { name: `bootstrap-token-${token.id}`, namespace: 'kube-system' },
        type: 'bootstrap.kubernetes.io/token',
        data: {
          'token-id': b64(token.id),
          'token-secret': b64(token.secret),
          'usage-bootstrap-authentication': b64('true'),
          'usage-bootstrap-signing': b64('true'),
          'auth-extra-groups': b64('system:bootstrappers:kubeadm:default-node-token'),
        },
      },
    );
    await until('cluster-info is signed with it', () => dataOf('ConfigMap', 'kube-public', 'cluster-info')[`jws-kubeconfig-${token.id}`] !== undefined);
    const join = { context: cluster.context, node: cluster.node('w2'), kubelet: cluster.kubelet('w2'), token: `${token.id}.${token.secret}` };
    await expect(joinNode({ ...join, caCertHash: caCertHashOf(other.certificatePem) })).rejects.toThrow('none of the public keys');
    await joinNode({ ...join, caCertHash: caCertHashOf(cluster.authorities.cluster.certificatePem) });
    await until('w2 is Ready', () => isReady('w2'));
    const conf = readStagingKubeconfig(cluster.node('w2').read('/etc/kubernetes/kubelet.conf')?.bytes.toString('utf8') ?? '', (path) => cluster.node('w2').read(path)?.bytes);
    expect(conf.caPem).toBe(cluster.authorities.cluster.certificatePem);
    await until('kube-proxy runs there', () =>
      cluster.store
        .list({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system' })
        .some((pod) => (pod.spec as { nodeName?: string }).nodeName === 'w2' && (pod.status as { phase?: string }).phase === 'Running'),
    );
  });
});

describe('a node without power', () => {
  it('is Unknown and tainted, its pods are evicted and replaced, and it comes back', async () => {
    await cluster.node('w2').power(false);
    await until('it is Unknown', () => conditionOf('w2') === 'Unknown');
    await until('its taints', () => JSON.stringify(cluster.object('Node', '', 'w2')?.spec).includes('node.kubernetes.io/unreachable'));
    await until('felt-go has all its pods on w1', () => replicas('felt-go') === 3, 60_000);
    await cluster.node('w2').power(true);
    await until('it is back', () => isReady('w2') && !JSON.stringify(cluster.object('Node', '', 'w2')?.spec).includes('unreachable'));
  });
});

/** undefined: it was not signed in time. The request stays. */
async function signed(name: string, patienceMs = 30_000): Promise<string | undefined> {
  if ((await cluster.kube.get('CertificateSigningRequest', { name })) === undefined) {
    const pair = await makeKeyPair('ecdsa-p256');
    const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { commonName: 'rotate-ca-probe' } });
    const spec = { request: Buffer.from(csrPem).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'], expirationSeconds: 600 };
    const made = await cluster.kube.create('CertificateSigningRequest', {}, { metadata: { name }, spec });
    const conditions = [{ type: 'Approved', status: 'True', reason: 'test', message: '', lastUpdateTime: new Date().toISOString() }];
    await cluster.kube.replace('CertificateSigningRequest', { name, subresource: 'approval' }, { ...made, status: { conditions } });
  }
  const certificate = (): string | undefined => (cluster.object('CertificateSigningRequest', '', name)?.status as { certificate?: string } | undefined)?.certificate;
  const found = await until('signed', certificate, patienceMs).catch(() => undefined);
  return found === undefined ? undefined : Buffer.from(found, 'base64').toString('utf8');
}
