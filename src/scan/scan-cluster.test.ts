import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileRecord, Host, Inventory } from '../domain/cluster/inventory.js';
import { fail, failure, RotationError } from '../domain/errors.js';
import { readLeaf } from '../domain/pki/certificate.js';
import type { Kube, KubeObject } from '../ports/kube.js';
import type { NodeShell, Shells } from '../ports/node-shell.js';
import { type Ca, makeCa, signLeaf } from '../x509/certificate-authority.js';
import { makeKeyPair } from '../x509/key-pair.js';
import { makeRequest } from '../x509/request.js';
import { differences } from './differences.js';
import { scanCluster } from './scan-cluster.js';
import { collectScript } from './files/script.js';

const validity = { notBeforeMs: Date.UTC(2030, 0, 1), notAfterMs: Date.UTC(2031, 0, 1) };
const root = mkdtempSync(join(tmpdir(), 'scan-'));
afterAll(() => rmSync(root, { recursive: true }));
const b64 = (text: string) => Buffer.from(text).toString('base64');

let ca: Ca;
let leafPem = '';
let keyText = '';
let files: Record<string, string> = {};

beforeAll(async () => {
  ca = await makeCa({ subject: { commonName: 'kubernetes' }, ...validity });
  const { privateKeyPem, publicPem } = await makeKeyPair('ecdsa-p256');
  leafPem = await signLeaf({
    ca,
    csrPem: await makeRequest({ privateKeyPem, subject: { commonName: 'system:node:cp1', organizations: ['system:nodes'] } }),
    usages: ['clientAuth'],
    ...validity,
  });
  keyText = privateKeyPem.reveal().toString();
  const conf = (user: string) => `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${b64(ca.certificatePem)}
    server: https://10.0.0.1:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: me
  name: me@kubernetes
current-context: me@kubernetes
kind: Config
users:
- name: me
  user:
${user}`;
  const embedded = `    client-certificate-data: ${b64(leafPem)}\n    client-key-data: ${b64(keyText)}\n`;
  files = {
    '/etc/kubernetes/admin.conf': conf(embedded),
    '/etc/kubernetes/controller-manager.conf': conf(embedded.replace('client-key-data: ', 'client-key-data: |\n      ')),
    '/etc/kubernetes/scheduler.conf': JSON.stringify({ users: [{ user: { 'client-key-data': b64(keyText) } }] }),
    '/etc/kubernetes/kubelet.conf': conf(
      '    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem\n    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem\n',
    ),
    '/etc/kubernetes/bootstrap-kubelet.conf': conf('    token: abcdef.CANARYTOKEN\n    exec:\n      command: x\n      env:\n      - name: CANARYENV\n        value: CANARYVALUE\n'),
    '/etc/kubernetes/pki/ca.crt': ca.certificatePem,
    '/etc/kubernetes/pki/ca.key': ca.keyPem.reveal().toString(),
    '/etc/kubernetes/pki/sa.pub': publicPem,
    '/etc/kubernetes/pki/both.pem': `${keyText}${leafPem}`,
    '/etc/kubernetes/pki/torn.pem': `${leafPem}${keyText.slice(0, -40)}`,
    '/etc/kubernetes/pki/a name with blanks.key': keyText,
    '/var/lib/kubelet/pki/kubelet-client-2030.pem': `${leafPem}${keyText}`,
    '/var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\n',
    '/etc/kubernetes/manifests/kube-apiserver.yaml':
      'kind: Pod\nmetadata:\n  name: kube-apiserver\nspec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --client-ca-file=/etc/kubernetes/pki/ca.crt\n    image: r.example:5000/kube-apiserver:v1.34.4@sha256:00\n',
    '/etc/kubernetes/manifests/.hidden.yaml': 'no manifest',
  };
});

/** A node whose root is a folder: the real script, run by the real shell. */
function shellAt(node: string): NodeShell {
  const base = join(root, node);
  return {
    node,
    must: (script: string) => {
      const own = script
        .replaceAll(/(?<= )\/(etc|var)\//g, `${base}/$1/`)
        .replace('systemctl show', 'false')
        .replace('pidof kubelet', 'false');
      return Promise.resolve(
        execFileSync('sh', ['-s'], { input: own, encoding: 'utf8' })
          .replaceAll(/(?<=^file \S+ )\S+/gm, (path) => b64(Buffer.from(path, 'base64').toString().replace(base, '')))
          .replace(/^end$/m, `kubelet ${b64('/usr/bin/kubelet\0--config=/var/lib/kubelet/config.yaml\0')}\nend`),
      );
    },
  } as unknown as NodeShell;
}

function layOut(node: string): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, node, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, 0o600);
  }
  rmSync(join(root, node, '/var/lib/kubelet/pki/kubelet-client-current.pem'), { force: true });
  symlinkSync('kubelet-client-2030.pem', join(root, node, '/var/lib/kubelet/pki/kubelet-client-current.pem'));
}

const host = (name: string, sshHost = name): Host => ({ name, sshHost, become: true });
const node = (name: string, address: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  status: { addresses: [{ type: 'InternalIP', address }], nodeInfo: { kubeletVersion: 'v1.34.4' } },
});
const controlPlane = { 'node-role.kubernetes.io/control-plane': '' };

function kubeOf(lists: Readonly<Record<string, readonly KubeObject[]>>): Kube {
  return {
    server: 'https://10.0.0.1:6443',
    read: () => Promise.resolve({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'uid-1' } }),
    get: () => Promise.resolve({ status: 200, body: '{"gitVersion":"v1.34.4"}' }),
    list: ({ kind }: { kind: string }) => Promise.resolve([...(lists[kind] ?? [])]),
  } as unknown as Kube;
}

const shellsOf = (to: (name: string) => NodeShell): Shells => ({ to, close: () => Promise.resolve() });
const scan = (kube: Kube, hosts: readonly Host[], shells = shellsOf(shellAt)): Promise<Inventory> => scanCluster({ hosts, shells, kube, now: () => Date.UTC(2030, 0, 2) });
const failuresOfScan = async (promise: Promise<unknown>): Promise<string[]> => {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  return error instanceof RotationError ? error.failures.map(({ code, target }) => `${code} ${target}`) : expect.fail(String(error));
};

describe('a node with every kind of file', () => {
  const fileAt = (inventory: Inventory, path: string): Partial<FileRecord> => {
    const file = inventory.nodes[0]?.files.find((f) => f.path === path) ?? expect.fail(path);
    const { kind, mode, keySpki, linkTo, certificates, client, server } = file;
    return Object.fromEntries(
      Object.entries({ kind, mode, keySpki, linkTo, server, client: client?.subject, certificates: certificates.map((c) => c.subject).join('; ') }).filter(
        ([, v]) => v !== undefined,
      ),
    );
  };

  it('is read without its keys', async () => {
    layOut('cp1');
    const inventory = await scan(kubeOf({ Node: [node('cp1', '10.0.0.11', controlPlane)] }), [host('cp1')]);
    const me = 'O=system:nodes, CN=system:node:cp1';
    const spki = readLeaf(leafPem, { source: 'leaf' }).record.spki;
    const caSpki = readLeaf(ca.certificatePem, { source: 'ca' }).record.spki;
    const server = 'https://10.0.0.1:6443';
    const expected: Record<string, object> = {
      '/etc/kubernetes/admin.conf': { kind: 'kubeconfig', mode: '0600', server, client: me, certificates: 'CN=kubernetes' },
      '/etc/kubernetes/controller-manager.conf': { kind: 'kubeconfig', mode: '0600', server, client: me, certificates: 'CN=kubernetes' },
      '/etc/kubernetes/scheduler.conf': { kind: 'kubeconfig', mode: '0600', certificates: '' },
      '/etc/kubernetes/kubelet.conf': { kind: 'kubeconfig', mode: '0600', server, certificates: 'CN=kubernetes' },
      '/etc/kubernetes/bootstrap-kubelet.conf': { kind: 'kubeconfig', mode: '0600', server, certificates: 'CN=kubernetes' },
      '/etc/kubernetes/pki/ca.crt': { kind: 'bundle', mode: '0600', certificates: 'CN=kubernetes' },
      '/etc/kubernetes/pki/ca.key': { kind: 'key', mode: '0600', keySpki: caSpki, certificates: '' },
      '/etc/kubernetes/pki/sa.pub': { kind: 'key', mode: '0600', keySpki: spki, certificates: '' },
      '/etc/kubernetes/pki/both.pem': { kind: 'leaf', mode: '0600', keySpki: spki, certificates: me },
      '/etc/kubernetes/pki/torn.pem': { kind: 'leaf', mode: '0600', certificates: me },
      '/etc/kubernetes/pki/a name with blanks.key': { kind: 'key', mode: '0600', keySpki: spki, certificates: '' },
      '/var/lib/kubelet/pki/kubelet-client-2030.pem': { kind: 'leaf', mode: '0600', keySpki: spki, certificates: me },
      '/var/lib/kubelet/pki/kubelet-client-current.pem': { kind: 'leaf', mode: '0600', keySpki: spki, linkTo: 'kubelet-client-2030.pem', certificates: me },
      '/var/lib/kubelet/config.yaml': { kind: 'config', mode: '0600', certificates: '' },
      '/etc/kubernetes/manifests/kube-apiserver.yaml': { kind: 'manifest', mode: '0600', certificates: '' },
    };
    expect(inventory.nodes[0]?.files.map(({ path }) => path).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const [path, record] of Object.entries(expected)) expect([path, fileAt(inventory, path)]).toEqual([path, record]);
    for (const file of inventory.nodes[0]?.files ?? []) {
      const text = files[file.path === '/var/lib/kubelet/pki/kubelet-client-current.pem' ? '/var/lib/kubelet/pki/kubelet-client-2030.pem' : file.path];
      expect([file.path, file.sha256]).toEqual([
        file.path,
        createHash('sha256')
          .update(text ?? '')
          .digest('hex'),
      ]);
    }
    expect(inventory.nodes[0]).toMatchObject({
      name: 'cp1',
      roles: ['control-plane'],
      internalIp: '10.0.0.11',
      components: [
        { name: 'kube-apiserver', version: 'v1.34.4', flags: { 'client-ca-file': '/etc/kubernetes/pki/ca.crt' }, manifest: '/etc/kubernetes/manifests/kube-apiserver.yaml' },
        { name: 'kubelet', version: 'v1.34.4', flags: { config: '/var/lib/kubelet/config.yaml' } },
      ],
      tools: { openssl: true },
    });
    expect(inventory.cluster).toEqual({ uid: 'uid-1', server: 'https://10.0.0.1:6443', version: 'v1.34.4' });
  });

  it('no line of a key leaves the node, in any encoding', async () => {
    layOut('cp1');
    const output = await shellAt('cp1').must(collectScript, { deadlineMs: 1000 });
    const decoded = output.split(/\s/).flatMap((word) => [word, Buffer.from(word, 'base64').toString('latin1')]);
    // The second line of a key holds the private number; the others may hold the public point, which is in certificates too.
    const secrets = [keyText, ca.keyPem.reveal().toString()].flatMap((text) => [text.split('\n')[1] ?? '', b64(text)]).map((line) => line.slice(0, 60));
    expect(secrets.every((secret) => secret.length === 60)).toBe(true);
    expect(decoded.filter((word) => [...secrets, 'CANARY', 'PRIVATE'].some((secret) => word.includes(secret)))).toEqual([]);
  });
});

describe('what is wrong is told all at once', () => {
  it('unreachable hosts, unknown nodes and a torn answer', async () => {
    layOut('cp1');
    const shells = shellsOf((name) => {
      const must = () => {
        if (name === 'w1') return Promise.reject(new RotationError(failure('ssh-unreachable', { target: 'w1', summary: 'no', nextAction: 'x' })));
        return name === 'w2' ? Promise.resolve('file pem') : shellAt(name).must(collectScript, { deadlineMs: 1000 });
      };
      return { node: name, must } as unknown as NodeShell;
    });
    const kube = kubeOf({ Node: [node('cp1', '10.0.0.11'), node('w1', '10.0.0.21'), node('w2', '10.0.0.22'), node('w3', '10.0.0.23')] });
    const scanned = scan(kube, [host('cp1'), host('w1'), host('w2'), host('worker3', '10.0.0.23')], shells);
    expect(await failuresOfScan(scanned.catch((e: unknown) => Promise.reject(e)))).toEqual(['ssh-unreachable w1', 'command-failed w2', 'node-unknown worker3', 'node-unknown w3']);
    await expect(scanned).rejects.toThrow('Name the host "w3" in the inventory');
  });

  it('an API that refuses, once', async () => {
    layOut('cp1');
    const kube = { ...kubeOf({}), list: () => Promise.resolve().then(() => fail('api-forbidden', { target: 'api', summary: 'no', nextAction: 'x' })) } as unknown as Kube;
    expect(await failuresOfScan(scan(kube, [host('cp1')]))).toEqual(['api-forbidden api']);
  });

  it('a manifest that is none, with its place', async () => {
    layOut('cp1');
    writeFileSync(join(root, 'cp1/etc/kubernetes/manifests/x.yaml'), 'a: [');
    const scanned = scan(kubeOf({ Node: [node('cp1', '10.0.0.11')] }), [host('cp1')]);
    expect(await failuresOfScan(scanned)).toEqual(['layout-unsupported cp1:/etc/kubernetes/manifests/x.yaml']);
    rmSync(join(root, 'cp1/etc/kubernetes/manifests/x.yaml'));
  });

  it('a defect stays a defect', async () => {
    const shells = shellsOf(() => ({ must: () => Promise.reject(new TypeError('defect')) }) as unknown as NodeShell);
    await expect(scan(kubeOf({}), [host('cp1')], shells)).rejects.toBeInstanceOf(TypeError);
  });
});

describe('objects', () => {
  it('wherever a CA is kept', async () => {
    layOut('cp1');
    const pem = ca.certificatePem;
    const info = `apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: ${b64(pem)}\n    server: https://lb\n  name: ""\ncontexts: null\ncurrent-context: ""\n`;
    const meta = (namespace: string, name: string) => ({ metadata: { namespace, name } });
    const kube = kubeOf({
      Node: [node('cp1', '10.0.0.11')],
      ConfigMap: [
        { apiVersion: 'v1', kind: 'ConfigMap', ...meta('kube-public', 'cluster-info'), data: { kubeconfig: info } },
        { apiVersion: 'v1', kind: 'ConfigMap', ...meta('default', 'kube-root-ca.crt'), data: { 'ca.crt': pem } },
        { apiVersion: 'v1', kind: 'ConfigMap', ...meta('kube-system', 'extension-apiserver-authentication'), data: { 'client-ca-file': pem } },
        { apiVersion: 'v1', kind: 'ConfigMap', ...meta('app', 'copies'), data: { 'a/b~c': `# mine\n${pem}`, one: b64(pem), none: 'text' }, binaryData: { bin: b64(pem) } },
      ],
      Secret: [
        { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token', ...meta('app', 'token'), data: { 'ca.crt': b64(pem), token: b64('x') } },
        { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', ...meta('app', 'tls'), data: { 'tls.crt': b64(`${leafPem}${pem}`), 'tls.key': b64(keyText) } },
        { apiVersion: 'v1', kind: 'Secret', type: 'Opaque', ...meta('app', 'kubeconfig'), data: { conf: b64(info) } },
      ],
      ValidatingWebhookConfiguration: [{ apiVersion: '', kind: '', metadata: { name: 'hook' }, webhooks: [{ clientConfig: { caBundle: b64(pem) } }] }],
      APIService: [{ apiVersion: '', kind: '', metadata: { name: 'v1.x', annotations: { last: b64(pem) } }, spec: { caBundle: b64(pem) } }],
    });
    const inventory = await scan(kube, [host('cp1')]);
    expect(inventory.objects.map((o) => `${o.apiVersion} ${o.kind} ${o.namespace}/${o.name} ${o.field} ${o.encoding} ${o.certificates.length} ${o.writer}`)).toEqual([
      'v1 ConfigMap app/copies /binaryData/bin base64-pem 1 none',
      'v1 ConfigMap app/copies /data/a~1b~0c pem 1 none',
      'v1 ConfigMap app/copies /data/one base64-pem 1 none',
      'v1 ConfigMap default/kube-root-ca.crt /data/ca.crt pem 1 kube-controller-manager',
      'v1 ConfigMap kube-public/cluster-info /data/kubeconfig kubeconfig 1 kubeadm',
      'v1 ConfigMap kube-system/extension-apiserver-authentication /data/client-ca-file pem 1 kube-apiserver',
      'v1 Secret app/kubeconfig /data/conf kubeconfig 1 none',
      'v1 Secret app/tls /data/tls.crt base64-pem 2 none',
      'v1 Secret app/token /data/ca.crt base64-pem 1 kube-controller-manager',
      'admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration /hook /webhooks/0/clientConfig/caBundle base64-pem 1 none',
      'apiregistration.k8s.io/v1 APIService /v1.x /spec/caBundle base64-pem 1 none',
    ]);
    expect(JSON.stringify(inventory)).not.toContain(keyText.split('\n')[1]);
  });
});

describe('differences', () => {
  it('what matters for trust, in words', async () => {
    layOut('cp1');
    layOut('w1');
    const nodes = [node('cp1', '10.0.0.11', controlPlane), node('w1', '10.0.0.21')];
    const kube = kubeOf({
      Node: nodes,
      ConfigMap: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'a', name: 'b', resourceVersion: '1' }, data: { ca: ca.certificatePem } }],
    });
    const before = await scan(kube, [host('cp1'), host('w1')]);
    expect(differences(before, { ...before, takenAt: 'later' })).toEqual([]);

    // A kubelet renews its certificate under the same CA: no difference.
    const pair = await makeKeyPair('ecdsa-p256');
    const renewed = await signLeaf({
      ca,
      csrPem: await makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { commonName: 'system:node:cp1', organizations: ['system:nodes'] } }),
      usages: ['clientAuth'],
      ...validity,
    });
    writeFileSync(join(root, 'w1/var/lib/kubelet/pki/kubelet-client-2030.pem'), `${renewed}${pair.privateKeyPem.reveal().toString()}`);
    expect(differences(before, await scan(kube, [host('cp1'), host('w1')]))).toEqual([]);

    const other = await makeCa({ subject: { commonName: 'other' }, ...validity });
    writeFileSync(join(root, 'cp1/etc/kubernetes/pki/ca.crt'), `${ca.certificatePem}${other.certificatePem}`);
    chmodSync(join(root, 'cp1/etc/kubernetes/pki/ca.key'), 0o644);
    const manifest = files['/etc/kubernetes/manifests/kube-apiserver.yaml'] ?? '';
    writeFileSync(join(root, 'cp1/etc/kubernetes/manifests/kube-apiserver.yaml'), manifest.replace('pki/ca.crt', 'pki/b.crt').replace('v1.34.4', 'v1.34.5'));
    layOut('w2');
    const after = await scan(kubeOf({ Node: [node('cp1', '10.0.0.11', controlPlane), node('w2', '10.0.0.22')] }), [host('cp1'), host('w2')]);
    const print = readLeaf(other.certificatePem, { source: 'ca' }).record.fingerprint.slice(0, 16);
    const mine = readLeaf(ca.certificatePem, { source: 'ca' }).record.fingerprint.slice(0, 16);
    expect(differences(before, after).map(({ kind, target, text }) => `${kind} ${target}: ${text}`)).toEqual([
      'version cp1: kube-apiserver on cp1 went from v1.34.4 to v1.34.5',
      'flag cp1: kube-apiserver on cp1: --client-ca-file was /etc/kubernetes/pki/ca.crt and is /etc/kubernetes/pki/b.crt',
      `file cp1: cp1:/etc/kubernetes/pki/ca.crt: the certificate "CN=other" (SHA-256 ${print}) is there now`,
      expect.stringMatching(/^file cp1: cp1:\/etc\/kubernetes\/pki\/ca.key: mode and owner were 0600 (\d+:\d+) and are 0644 \1$/),
      'node-left w1: node w1 has left',
      'node-joined w2: node w2 has joined',
      'object ConfigMap a/b: ConfigMap a/b /data/ca is gone',
    ]);
    expect(differences(after, before).at(-1)?.text).toBe(`ConfigMap a/b /data/ca is there now, with "CN=kubernetes" (SHA-256 ${mine})`);
  });
});
