import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../domain/cluster/inventory.js';
import { readLeaf } from '../domain/pki/certificate.js';
import { digestOf } from '../domain/plan/digest.js';
import type { Plan } from '../domain/plan/plan.js';
import { makeCa, signLeaf } from '../x509/certificate-authority.js';
import { makeKeyPair } from '../x509/key-pair.js';
import { makeRequest } from '../x509/request.js';
import { differences } from './differences.js';
import { ca, controlPlane, files, host, kubeOf, layOut, makeFiles, node, removeNodes, root, scan, validity } from './folder-cluster.test-support.js';

beforeAll(makeFiles);
afterAll(removeNodes);

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

it('what changes by itself makes no plan stale, and no other digest', async () => {
  layOut('cp1');
  const before = await scan(kubeOf({ Node: [node('cp1', '10.0.0.11', controlPlane)] }), [host('cp1')]);
  const nodes = before.nodes.map((one) => ({
    ...one,
    files: one.files.map((file) => ({ ...file, modifiedAtMs: 1 })),
    components: one.components.map((component) => ({ ...component, startedAtMs: 2, presents: { 6443: 'a' } })),
  }));
  const after = { ...before, nodes, certificates: {}, pods: [], called: [], tokens: [], findings: [{ code: 'a', place: 'b', meaning: 'c' }], unseen: [{ place: 'a', why: 'b' }] };
  expect(before.nodes[0]?.files.every(({ modifiedAtMs }) => modifiedAtMs !== undefined && Math.abs(Date.now() - modifiedAtMs) < 60_000)).toBe(true);
  expect(differences(before, after)).toEqual([]);
  const plan = (inventory: Inventory) => ({ playbook: { file: '', sha256: '' }, settings: {}, steps: [], dropped: [], inventory }) as unknown as Omit<Plan, 'digest'>;
  expect(digestOf(plan(after))).toBe(digestOf(plan(before)));
});
