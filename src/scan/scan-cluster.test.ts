import { createHash } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileRecord, Inventory } from '../domain/cluster/inventory.js';
import { fail, failure, RotationError } from '../domain/errors.js';
import { readLeaf } from '../domain/pki/certificate.js';
import type { Kube } from '../ports/kube.js';
import type { NodeShell } from '../ports/node-shell.js';
import { collectScript } from './files/script.js';
import {
  b64,
  ca,
  controlPlane,
  failuresOfScan,
  files,
  host,
  keyText,
  kubeOf,
  layOut,
  leafPem,
  makeFiles,
  node,
  removeNodes,
  root,
  scan,
  shellAt,
  shellsOf,
} from './folder-cluster.test-support.js';

beforeAll(makeFiles);
afterAll(removeNodes);

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
      '/etc/kubernetes/pki/glued.pem': { kind: 'key', mode: '0600', certificates: '' },
      '/etc/kubernetes/pki/back\\slash=*?[a].crt': { kind: 'leaf', mode: '0600', certificates: me },
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
    const output = await shellAt('cp1').must(collectScript, { deadlineMs: 20_000 });
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
        return name === 'w2' ? Promise.resolve('file pem') : shellAt(name).must(collectScript, { deadlineMs: 20_000 });
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
