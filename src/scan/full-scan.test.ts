import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Inventory } from '../domain/cluster/inventory.js';
import { fail, RotationError } from '../domain/errors.js';
import { readLeaf } from '../domain/pki/certificate.js';
import type { Kube, KubeObject } from '../ports/kube.js';
import type { NodeShell } from '../ports/node-shell.js';
import type { TlsProbe } from '../ports/tls-probe.js';
import { b64, ca, controlPlane, host, kubeOf, layOut, leafPem, makeFiles, node, removeNodes, root, shellAt, shellsOf } from './folder-cluster.test-support.js';
import { fullScan } from './full-scan.js';

beforeAll(makeFiles);
afterAll(removeNodes);
beforeEach(() => layOut('cp1'));

const object = (kind: string, name: string, rest: object, namespace?: string): KubeObject => ({
  apiVersion: '',
  kind,
  metadata: { name, uid: `uid of ${name}`, ...(namespace === undefined ? {} : { namespace }) },
  ...rest,
});
const jwt = (payload: object) => [{ alg: 'RS256', kid: 'key-1' }, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
const refuse = (code: 'api-forbidden' | 'ssh-unreachable' | 'api-unreachable' | 'interrupted', target: string) =>
  Promise.resolve().then(() => fail(code, { target, summary: 'no', nextAction: 'x' }));
const answering: TlsProbe = { presentedBy: ({ port }: { port: number }) => (port === 10250 ? Promise.resolve([leafPem]) : refuse('api-unreachable', 'x')) } as unknown as TlsProbe;

function full(kube: Kube, options: { hosts?: string[]; shell?: (name: string) => NodeShell } = {}): Promise<Inventory> {
  return fullScan({ hosts: (options.hosts ?? ['cp1']).map((name) => host(name)), shells: shellsOf(options.shell ?? shellAt), kube, tls: answering, now: () => 0 });
}

describe('a cluster that answers', () => {
  const pod = (name: string, spec: object, owner?: { kind: string; name: string; uid: string }): KubeObject => ({
    ...object(
      'Pod',
      name,
      { spec: { nodeName: 'cp1', ...spec }, status: { phase: 'Running', containerStatuses: [{ state: { running: { startedAt: '1970-01-01T00:00:09Z' } } }] } },
      'app',
    ),
    metadata: { name, namespace: 'app', ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }) },
  });
  const lists = (): Record<string, KubeObject[]> => ({
    Node: [node('cp1', '10.0.0.11', controlPlane)],
    ConfigMap: [object('ConfigMap', 'roots', { data: { ca: ca.certificatePem } }, 'app'), object('ConfigMap', 'words', { data: { a: 'b' } }, 'app')],
    Secret: [
      object('Secret', 'legacy', { type: 'kubernetes.io/service-account-token', data: { token: b64(`${jwt({ iss: 'me', sub: 's', exp: 9 })}.CANARYSIGNATURE`) } }, 'app'),
      object('Secret', 'opaque', { type: 'Opaque', data: { password: b64('CANARYPASSWORD') } }, 'app'),
    ],
    ReplicaSet: [
      { ...object('ReplicaSet', 'web-1', {}), metadata: { name: 'web-1', uid: 'rs', ownerReferences: [{ kind: 'Deployment', name: 'web', uid: 'd', controller: true }] } },
    ],
    Pod: [
      pod(
        'web-1-x',
        { volumes: [{ name: 'v', configMap: { name: 'roots' } }], containers: [{ image: 'i', envFrom: [{ configMapRef: { name: 'words' } }] }] },
        { kind: 'ReplicaSet', name: 'web-1', uid: 'rs' },
      ),
      pod(
        'agent-y',
        { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: {} }] } }], containers: [{ volumeMounts: [{ name: 't' }] }] },
        { kind: 'DaemonSet', name: 'agent', uid: 'x' },
      ),
      pod('hand', {
        volumes: [
          { name: 's', secret: { secretName: 'legacy' } },
          { name: 't', projected: { sources: [{ serviceAccountToken: {} }] } },
        ],
        containers: [{}],
      }),
      { ...pod('ended', {}), status: { phase: 'Succeeded' } },
    ],
    APIService: [
      object('APIService', 'v1.local', { spec: {} }),
      object('APIService', 'v1.there', { spec: { service: { name: 'a', namespace: 'n' }, insecureSkipTLSVerify: true } }),
    ],
    Service: [],
  });

  it('is seen with pods, called servers, tokens, what is presented and every certificate', async () => {
    const inventory = await full(kubeOf(lists()));
    const owners = inventory.pods?.map(({ name, owner, mounts, token, startedAtMs }) => [name, owner, mounts, token, startedAtMs]);
    expect(owners).toEqual([
      ['agent-y', 'DaemonSet/agent', [], 'bound', 9000],
      ['hand', '', [], 'legacy', 9000],
      ['web-1-x', 'Deployment/web', ['ConfigMap roots'], 'none', 9000],
    ]);
    expect(inventory.tokens).toEqual([{ place: 'Secret app/legacy', kid: 'key-1', algorithm: 'RS256', issuer: 'me', subject: 's', expiresAtMs: 9000 }]);
    expect(inventory.called).toEqual([
      { kind: 'APIService', name: 'v1.there', field: '/spec/caBundle', host: 'a.n.svc', service: { namespace: 'n', name: 'a', port: 443 }, isUnverified: true },
    ]);
    const leaf = readLeaf(leafPem, { source: 'leaf' });
    expect(inventory.nodes[0]?.components.find(({ name }) => name === 'kubelet')?.presents).toEqual({ 10250: leaf.record.fingerprint });
    expect(Object.keys(inventory.certificates ?? {})).toHaveLength(2);
    expect(inventory.certificates?.[leaf.record.fingerprint]).toBe(leaf.pem);
    expect(inventory.unseen).toEqual([
      { place: 'cp1', why: 'files with a newline in their names were left out: 1' },
      { place: 'cp1:/etc/kubernetes/scheduler.conf', why: 'it is not written as one value a line: whether it can be used was not seen' },
      { place: 'cp1:6443', why: 'nobody answered with a certificate where kube-apiserver should listen' },
      { place: 'APIService v1.there /spec/caBundle', why: 'what a.n.svc presents: the Service n/a has no address in the cluster' },
    ]);
    expect(JSON.stringify(inventory)).not.toMatch(/CANARY|BEGIN [A-Z ]*PRIVATE KEY/);
  });

  it.each(['Secret', 'Pod', 'ReplicaSet', 'APIService', 'Service', 'Node'])('%s that may not be listed is told', async (kind) => {
    const kube = kubeOf(lists());
    const inventory = await full({ ...kube, list: (of: { kind: string }) => (of.kind === kind ? refuse('api-forbidden', 'api') : kube.list(of as never)) } as unknown as Kube);
    expect(inventory.unseen).toContainEqual({ place: 'api', why: `${kind}: no` });
    expect(inventory.nodes.map(({ name }) => name)).toEqual(['cp1']);
  });
});

describe('what cannot be seen', () => {
  const kube = () => kubeOf({ Node: [node('cp1', '10.0.0.11', controlPlane), node('w1', '10.0.0.21')] });

  it('is a host that does not answer; the others are seen', async () => {
    const shell = (name: string) => (name === 'w1' ? ({ must: () => refuse('ssh-unreachable', 'w1') } as unknown as NodeShell) : shellAt(name));
    const inventory = await full(kube(), { hosts: ['cp1', 'w1'], shell });
    expect(inventory.nodes.map(({ name }) => name)).toEqual(['cp1']);
    expect(inventory.unseen).toContainEqual({ place: 'w1', why: 'no' });
  });

  it('is a node without a host', async () => {
    expect((await full(kube())).unseen).toContainEqual({ place: 'w1', why: 'the cluster has a node "w1" that the inventory does not list: its address is 10.0.0.21' });
  });

  it('is a manifest that is none; the rest of its node is seen', async () => {
    writeFileSync(join(root, 'cp1/etc/kubernetes/manifests/x.yaml'), 'a: [');
    const inventory = await full(kube());
    rmSync(join(root, 'cp1/etc/kubernetes/manifests/x.yaml'));
    expect(inventory.unseen).toContainEqual({ place: 'cp1:/etc/kubernetes/manifests/x.yaml', why: expect.stringContaining('x.yaml:1:5') as unknown });
    expect(inventory.nodes[0]?.components.map(({ name }) => name)).toEqual(['kube-apiserver', 'kubelet']);
  });

  it('is the API; the hosts are seen', async () => {
    const dead = {
      server: 'https://10.0.0.1:6443',
      read: () => refuse('api-unreachable', 'api'),
      get: () => refuse('api-unreachable', 'api'),
      list: () => refuse('api-unreachable', 'api'),
    };
    const inventory = await full(dead as unknown as Kube);
    expect(inventory.nodes.map(({ name, roles }) => [name, roles])).toEqual([['cp1', ['control-plane']]]);
    expect(inventory.cluster.uid).toBe('');
    expect(inventory.unseen?.length).toBeGreaterThan(5);
  });

  it('is everything: that is a failure', async () => {
    const dead = { server: 'x', read: () => refuse('api-unreachable', 'api'), get: () => refuse('api-unreachable', 'api'), list: () => refuse('api-unreachable', 'api') };
    const shell = () => ({ must: () => refuse('ssh-unreachable', 'cp1') }) as unknown as NodeShell;
    await expect(full(dead as unknown as Kube, { shell })).rejects.toBeInstanceOf(RotationError);
  });

  it('does not matter when somebody asked to stop', async () => {
    const stopped = { ...kube(), list: ({ kind }: { kind: string }) => (kind === 'Pod' ? refuse('interrupted', '') : kube().list({ apiVersion: '', kind })) };
    await expect(full(stopped as unknown as Kube)).rejects.toMatchObject({ code: 'interrupted' });
  });

  it('a defect stays a defect', async () => {
    const shell = () => ({ must: () => Promise.reject(new TypeError('defect')) }) as unknown as NodeShell;
    await expect(full(kube(), { shell })).rejects.toBeInstanceOf(TypeError);
  });
});
