/** A cluster for tests of the scan: nodes whose root is a folder, read by the real script, and an API of lists. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { Host, Inventory } from '../domain/cluster/inventory.js';
import { RotationError } from '../domain/errors.js';
import type { Kube, KubeObject } from '../ports/kube.js';
import type { NodeShell, Shells } from '../ports/node-shell.js';
import { type Ca, makeCa, signLeaf } from '../x509/certificate-authority.js';
import { makeKeyPair } from '../x509/key-pair.js';
import { makeRequest } from '../x509/request.js';
import { scanCluster } from './scan-cluster.js';

export const validity = { notBeforeMs: Date.UTC(2030, 0, 1), notAfterMs: Date.UTC(2031, 0, 1) };
export const root = mkdtempSync(join(tmpdir(), 'scan-'));

export function removeNodes(): void {
  rmSync(root, { recursive: true });
}

export const b64 = (text: string) => Buffer.from(text).toString('base64');

export let ca: Ca;
export let leafPem = '';
export let keyText = '';
export let files: Record<string, string> = {};

/** Makes what the others use; once for each file of tests. */
export async function makeFiles(): Promise<void> {
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
    '/etc/kubernetes/pki/glued.pem': `${leafPem.slice(0, 100)}${keyText}`,
    '/etc/kubernetes/pki/a name with blanks.key': keyText,
    '/etc/kubernetes/pki/back\\slash=*?[a].crt': leafPem,
    '/etc/kubernetes/pki/new\nline.key': keyText,
    '/var/lib/kubelet/pki/kubelet-client-2030.pem': `${leafPem}${keyText}`,
    '/var/lib/kubelet/config.yaml': 'kind: KubeletConfiguration\n',
    '/etc/kubernetes/manifests/kube-apiserver.yaml':
      'kind: Pod\nmetadata:\n  name: kube-apiserver\nspec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --client-ca-file=/etc/kubernetes/pki/ca.crt\n    image: r.example:5000/kube-apiserver:v1.34.4@sha256:00\n',
    '/etc/kubernetes/manifests/.hidden.yaml': 'no manifest',
  };
}

/** A node whose root is a folder: the real script, run by the real shell. */
export function shellAt(node: string): NodeShell {
  const base = join(root, node);
  return {
    node,
    must: (script: string) => {
      const own = script
        .replaceAll(/(?<= )\/(etc|var|proc)\//g, `${base}/$1/`)
        .replace('systemctl show', 'false')
        .replace('pidof kubelet', 'false')
        // Nothing of this machine is asked.
        .replace('openssl s_client', 'false');
      return Promise.resolve(
        execFileSync('sh', ['-s'], { input: own, encoding: 'utf8' })
          .replaceAll(base, '')
          .replace(/^end$/m, `kubelet ${b64('/usr/bin/kubelet\0--config=/var/lib/kubelet/config.yaml\0')}\nend`),
      );
    },
  } as unknown as NodeShell;
}

export function layOut(node: string): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, node, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, 0o600);
  }
  rmSync(join(root, node, '/var/lib/kubelet/pki/kubelet-client-current.pem'), { force: true });
  symlinkSync('kubelet-client-2030.pem', join(root, node, '/var/lib/kubelet/pki/kubelet-client-current.pem'));
}

export const host = (name: string, sshHost = name): Host => ({ name, sshHost, become: true });
export const node = (name: string, address: string, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels },
  status: { addresses: [{ type: 'InternalIP', address }], nodeInfo: { kubeletVersion: 'v1.34.4' } },
});
export const controlPlane = { 'node-role.kubernetes.io/control-plane': '' };

export function kubeOf(lists: Readonly<Record<string, readonly KubeObject[]>>): Kube {
  return {
    server: 'https://10.0.0.1:6443',
    read: () => Promise.resolve({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'uid-1' } }),
    get: () => Promise.resolve({ status: 200, body: '{"gitVersion":"v1.34.4"}' }),
    list: ({ kind }: { kind: string }) => Promise.resolve([...(lists[kind] ?? [])]),
  } as unknown as Kube;
}

export const shellsOf = (to: (name: string) => NodeShell): Shells => ({ to, close: () => Promise.resolve() });
export const scan = (kube: Kube, hosts: readonly Host[], shells = shellsOf(shellAt)): Promise<Inventory> => scanCluster({ hosts, shells, kube, now: () => Date.UTC(2030, 0, 2) });
export const failuresOfScan = async (promise: Promise<unknown>): Promise<string[]> => {
  const error = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  return error instanceof RotationError ? error.failures.map(({ code, target }) => `${code} ${target}`) : expect.fail(String(error));
};
