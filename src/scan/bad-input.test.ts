/** What is wrong on a node or in an object is told with its place, and keeps nothing else from being seen. */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Inventory } from '../domain/cluster/inventory.js';
import { readLeaf } from '../domain/pki/certificate.js';
import type { KubeObject } from '../ports/kube.js';
import type { TlsProbe } from '../ports/tls-probe.js';
import { makeCa } from '../x509/certificate-authority.js';
import { makeKeyPair } from '../x509/key-pair.js';
import { openPool } from './certificate-pool.js';
import { readFullFindings } from './files/read-full.js';
import { readFindings } from './files/read-files.js';
import { findingsIn } from './findings/in-object.js';
import { b64, ca, controlPlane, files, host, keyText, kubeOf, leafPem, makeFiles, node, removeNodes, root, shellAt, shellsOf, validity } from './folder-cluster.test-support.js';
import { fullScan } from './full-scan.js';

let otherKey = '';
beforeAll(async () => {
  await makeFiles();
  otherKey = (await makeKeyPair('ecdsa-p256')).privateKeyPem.reveal().toString();
});
afterAll(removeNodes);

const silent = { presentedBy: () => Promise.resolve([leafPem]) } as unknown as TlsProbe;

async function scanOf(given: Readonly<Record<string, string | Buffer>>, objects: Readonly<Record<string, readonly KubeObject[]>> = {}): Promise<Inventory> {
  rmSync(join(root, 'cp1'), { recursive: true, force: true });
  for (const [path, content] of Object.entries(given)) {
    mkdirSync(dirname(join(root, 'cp1', path)), { recursive: true });
    writeFileSync(join(root, 'cp1', path), content);
  }
  return fullScan({ hosts: [host('cp1')], shells: shellsOf(shellAt), kube: kubeOf({ Node: [node('cp1', '10.0.0.11', controlPlane)], ...objects }), tls: silent, now: () => 0 });
}

const der = (pem: string) => readLeaf(pem, { source: 'x' }).der;
const pki = '/etc/kubernetes/pki';

const admin = '/etc/kubernetes/admin.conf';
const conf = (): string => files[admin] ?? '';
const apiserver = '/etc/kubernetes/manifests/kube-apiserver.yaml';
const pod = (hostPath: string): Record<string, string> => ({
  [apiserver]: `kind: Pod
metadata:
  name: kube-apiserver
spec:
  volumes:
  - name: pki
    hostPath: {path: ${hostPath}}
  containers:
  - command:
    - kube-apiserver
    - --tls-cert-file=${pki}/a.crt
    - --client-ca-file=${pki}/gone.crt
    - --audit-policy-file=${pki}/no-certificate.yaml
    image: x:v1
    volumeMounts:
    - {name: pki, mountPath: ${pki}}
`,
});

describe('files', () => {
  it.each<[string, () => Readonly<Record<string, string | Buffer>>, () => readonly string[]]>([
    ['a whole pair', () => ({ [`${pki}/a.crt`]: leafPem, [`${pki}/a.key`]: keyText }), () => []],
    ['a certificate that is cut off', () => ({ [`${pki}/a.crt`]: `${leafPem}${leafPem.slice(0, 90)}` }), () => [`pem-broken cp1:${pki}/a.crt:${leafPem.split('\n').length}`]],
    [
      'a block that is no certificate',
      () => ({ [`${pki}/a.crt`]: `words\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n` }),
      () => [`pem-broken cp1:${pki}/a.crt:2`],
    ],
    [
      'a line that is not as it must be',
      () => ({ [`${pki}/a.crt`]: leafPem.replace('-----BEGIN CERTIFICATE-----', '-----BEGIN CERTIFICATE----') }),
      () => [`pem-broken cp1:${pki}/a.crt:1`, `pem-broken cp1:${pki}/a.crt:${leafPem.split('\n').length - 1}`],
    ],
    ['an end without its beginning', () => ({ [`${pki}/a.crt`]: `-----END CERTIFICATE-----\n${leafPem}` }), () => [`pem-broken cp1:${pki}/a.crt:1`]],
    ['no PEM at all', () => ({ [`${pki}/a.crt`]: 'words\n' }), () => [`pem-broken cp1:${pki}/a.crt:1`]],
    ['nothing', () => ({ [`${pki}/a.crt`]: '' }), () => [`pem-broken cp1:${pki}/a.crt:1`]],
    ['DER', () => ({ [`${pki}/a.crt`]: der(leafPem) }), () => [`der-not-pem cp1:${pki}/a.crt`]],
    [
      'a key in a bundle',
      () => ({ [`${pki}/a.crt`]: `${ca.certificatePem}${keyText}` }),
      () => [`key-in-bundle cp1:${pki}/a.crt:${ca.certificatePem.split('\n').length}`, `pair-mismatch cp1:${pki}/a.crt`],
    ],
    ['the key of another certificate', () => ({ [`${pki}/a.crt`]: leafPem, [`${pki}/a.key`]: otherKey }), () => [`pair-mismatch cp1:${pki}/a.crt`]],
    ['the key of another certificate in the same file', () => ({ [`${pki}/a.pem`]: `${leafPem}${otherKey}` }), () => [`pair-mismatch cp1:${pki}/a.pem`]],
    [
      'a kubeconfig that names what is not there',
      () => ({ '/etc/kubernetes/kubelet.conf': files['/etc/kubernetes/kubelet.conf'] ?? '' }),
      () => ['reference-missing cp1:/etc/kubernetes/kubelet.conf:17', 'reference-missing cp1:/etc/kubernetes/kubelet.conf:18'],
    ],
    ['a kubeconfig that is no YAML', () => ({ [admin]: conf().replace('\n    user: me\n', '\n     user: me\n') }), () => [`kubeconfig-broken cp1:${admin}:9`]],
    ['a kubeconfig whose context is not there', () => ({ [admin]: conf().replace('current-context: me', 'current-context: you') }), () => [`kubeconfig-broken cp1:${admin}:12`]],
    ['a kubeconfig without a context', () => ({ [admin]: conf().replace(/current-context.*\n/, '') }), () => [`kubeconfig-broken cp1:${admin}:1`]],
    ['a kubeconfig whose user is not there', () => ({ [admin]: conf().replace('- name: me\n  user', '- name: you\n  user') }), () => [`kubeconfig-broken cp1:${admin}:9`]],
    ['a kubeconfig whose CA is none', () => ({ [admin]: conf().replace(/(authority-data: ).*/, '$1eHh4eA==') }), () => [`kubeconfig-broken cp1:${admin}:4`]],
    ['a kubeconfig whose CA is no base64', () => ({ [admin]: conf().replace(/(authority-data: )/, '$1.') }), () => [`kubeconfig-broken cp1:${admin}:4`]],
    ['a kubeconfig whose certificate is none', () => ({ [admin]: conf().replace(/(client-certificate-data: ).*/, '$1eHh4eA==') }), () => [`kubeconfig-broken cp1:${admin}:17`]],
    ['a kubeconfig that is empty', () => ({ [admin]: '' }), () => [`kubeconfig-broken cp1:${admin}:1`]],
    [
      'whole kubeconfigs, with a token and a key in a block',
      () => ({
        [admin]: conf(),
        '/etc/kubernetes/bootstrap-kubelet.conf': files['/etc/kubernetes/bootstrap-kubelet.conf'] ?? '',
        '/etc/kubernetes/controller-manager.conf': files['/etc/kubernetes/controller-manager.conf'] ?? '',
      }),
      () => [],
    ],
    ['a static pod whose CA is not there', () => ({ ...pod('/etc/kubernetes/pki'), [`${pki}/a.crt`]: leafPem }), () => [`reference-missing cp1:${apiserver}:12`]],
    ['a static pod that sees another folder under that name', () => ({ ...pod('/elsewhere'), [`${pki}/a.crt`]: leafPem }), () => []],
    ['a name with odd characters', () => ({ [`${pki}/a b"'$(x)\\.crt`]: 'words\n' }), () => [`pem-broken cp1:${pki}/a b"'$(x)\\.crt:1`]],
  ])('%s', async (_, given, expected) => {
    const { findings = [], ...rest } = await scanOf(given());
    expect(findings.map(({ code, place }) => `${code} ${place}`)).toEqual(expected());
    expect(findings.every(({ meaning }) => meaning.length > 10)).toBe(true);
    expect(JSON.stringify(rest)).not.toMatch(/PRIVATE KEY/);
  });

  it('a name with a newline is told as not seen', async () => {
    expect((await scanOf({ [`${pki}/a\nb.crt`]: leafPem })).unseen).toContainEqual({ place: 'cp1', why: 'files with a newline in their names were left out: 1' });
  });

  it('a certificate in DER counts as one that was found', async () => {
    expect(Object.values((await scanOf({ [`${pki}/a.crt`]: der(ca.certificatePem) })).certificates ?? {})).toContain(ca.certificatePem);
  });

  it('one CA for everything, and a serving key that signs tokens', async () => {
    const manifest = (name: string, flags: readonly string[]) =>
      `kind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n  - command:\n    - ${name}\n${flags.map((flag) => `    - ${flag}\n`).join('')}    image: x:v1\n`;
    const flags = [`--client-ca-file=${pki}/ca.crt`, `--requestheader-client-ca-file=${pki}/fp.crt`, `--service-account-key-file=${pki}/a.crt`, `--tls-cert-file=${pki}/a.crt`];
    const { findings } = await scanOf({
      [`${pki}/ca.crt`]: ca.certificatePem,
      [`${pki}/fp.crt`]: ca.certificatePem,
      [`${pki}/a.crt`]: leafPem,
      '/etc/kubernetes/manifests/kube-apiserver.yaml': manifest('kube-apiserver', flags),
      '/etc/kubernetes/manifests/etcd.yaml': manifest('etcd', [`--trusted-ca-file=${pki}/ca.crt`]),
    });
    expect(findings?.map(({ code, place }) => `${code} ${place}`)).toEqual([`two-roles CA CN=kubernetes ${der256(ca.certificatePem)}`, `two-roles cp1:${pki}/a.crt`]);
    expect(findings?.[0]?.meaning).toContain('cluster and etcd and front-proxy');
  });

  it('CAs that certify each other in a circle', async () => {
    const certificate = (subject: string, issuer: string, fingerprint: string) => ({ ...readLeaf(ca.certificatePem, { source: 'x' }).record, subject, issuer, fingerprint });
    const { findingsOf } = await import('../domain/scanned/findings.js');
    const bundle = {
      path: '/a',
      kind: 'bundle',
      certificates: [certificate('CN=a', 'CN=b', '1'), certificate('CN=b', 'CN=c', '2'), certificate('CN=c', 'CN=a', '3'), certificate('CN=d', 'CN=a', '4')],
    };
    const found = findingsOf({ nodes: [{ name: 'cp1', roles: [], files: [bundle], components: [] }], objects: [] } as unknown as Inventory);
    expect(found.map(({ code, place }) => `${code} ${place}`)).toEqual(['cross-cycle CA CN=a']);
  });
});

function der256(pem: string): string {
  return readLeaf(pem, { source: 'x' }).record.fingerprint.slice(0, 16);
}

describe('more places', () => {
  it('are found in configurations that configurations name, with PEM that stands in them', async () => {
    const other = await makeCa({ subject: { commonName: 'authn' }, ...validity });
    const indented = other.certificatePem.trimEnd().replaceAll('\n', '\n      ');
    const { nodes } = await scanOf({
      '/etc/kubernetes/authn.yaml': `kind: AuthenticationConfiguration\njwt:\n- issuer:\n    certificateAuthority: |\n      ${indented}\n`,
      '/etc/kubernetes/egress/egress.yaml': `kind: EgressSelectorConfiguration\negressSelections:\n- connection:\n    transport:\n      tcp:\n        tlsConfig:\n          caBundle: ${join(root, 'cp1')}/srv/ca.pem\n`,
      '/srv/ca.pem': ca.certificatePem,
      '/etc/etcd/peer.pem': leafPem,
      '/var/lib/kubernetes/x/ca.pem': ca.certificatePem,
    });
    expect(nodes[0]?.files.map(({ path, kind, certificates }) => `${path} ${kind} ${certificates.length}`)).toEqual([
      '/etc/etcd/peer.pem leaf 1',
      '/etc/kubernetes/authn.yaml bundle 1',
      '/etc/kubernetes/egress/egress.yaml config 0',
      '/srv/ca.pem bundle 1',
      '/var/lib/kubernetes/x/ca.pem bundle 1',
    ]);
  });

  it('tokens of pods and kubeconfigs are told without their signature', async () => {
    const claims = [{ alg: 'RS256', kid: 'k' }, { sub: 's' }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const pod = '/var/lib/kubelet/pods/uid/volumes/kubernetes.io~projected/kube-api-access/token';
    const conf = `apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user:\n    token: ${claims}.CANARYSIGNATURE\n`;
    const inventory = await scanOf({ [pod]: `${claims}.CANARYSIGNATURE`, '/etc/kubernetes/admin.conf': conf });
    expect(inventory.tokens?.map(({ place, kid }) => `${place} ${kid}`)).toEqual([`cp1:/etc/kubernetes/admin.conf k`, `cp1:${pod} k`]);
    expect(JSON.stringify(inventory)).not.toContain('CANARY');
  });
});

describe('objects', () => {
  const secret = (data: object, type = 'Opaque'): KubeObject => ({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'a', name: 'b' }, type, data });
  const map = (data: object): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'a', name: 'b' }, data });
  it.each<[string, () => KubeObject, () => readonly string[]]>([
    ['a whole bundle', () => map({ 'ca.crt': ca.certificatePem }), () => []],
    ['a torn one', () => map({ 'ca.crt': ca.certificatePem.slice(0, -30) }), () => ['pem-broken ConfigMap a/b /data/ca.crt:1:1']],
    ['a block that is no certificate', () => map({ 'a/b': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }), () => ['pem-broken ConfigMap a/b /data/a~1b:1']],
    ['a key in a ConfigMap', () => map({ k: keyText }), () => ['key-in-bundle ConfigMap a/b /data/k:1']],
    ['a key in a Secret, where it belongs', () => secret({ k: b64(keyText) }), () => []],
    [
      'a key in a bundle of a Secret',
      () => secret({ k: b64(`${ca.certificatePem}${keyText}`) }),
      () => [`key-in-bundle Secret a/b /data/k:${ca.certificatePem.split('\n').length}`],
    ],
    ['DER in a Secret', () => secret({ k: der(leafPem).toString('base64') }), () => ['der-not-pem Secret a/b /data/k']],
    ['bytes that are nothing', () => secret({ k: Buffer.from([0x30, 0x82, 0xff, 0, 1]).toString('base64') }), () => []],
    ['a huge Secret', () => secret({ k: Buffer.alloc(1024 * 1024 + 1).toString('base64') }), () => ['object-huge Secret a/b']],
    ['a pair that does not fit', () => secret({ 'tls.crt': b64(leafPem), 'tls.key': b64(otherKey) }, 'kubernetes.io/tls'), () => ['pair-mismatch Secret a/b /data/tls.crt']],
    ['a pair that fits', () => secret({ 'tls.crt': b64(leafPem), 'tls.key': b64(keyText) }, 'kubernetes.io/tls'), () => []],
    ['a pair without its key', () => secret({ 'tls.crt': b64(leafPem) }, 'kubernetes.io/tls'), () => []],
    ['no data', () => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'b' } }), () => []],
  ])('%s', (_, object, expected) => {
    expect(findingsIn(object(), openPool()).map(({ code, place }) => `${code} ${place}`)).toEqual(expected());
  });
});

describe('nothing that is read makes it fall', () => {
  const torn = fc
    .array(fc.oneof(fc.constantFrom('-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----', '-----BEGIN PRIVATE KEY-----', 'AAAA', '|'), fc.string()), { maxLength: 12 })
    .map((lines) => lines.join('\n'));
  const record = fc.tuple(
    fc.constantFrom('text', 'marks', 'plain', 'claims', 'odd', 'stat', 'file pem', 'refs', 'key', 'unit', 'pod', 'started', 'clock', 'link'),
    fc.string(),
    fc.array(fc.string(), { maxLength: 4 }),
  );
  const output = fc
    .array(record, { maxLength: 12 })
    .map((all) => `${all.map(([what, rest, lines]) => [`${what} ${rest}`, ...lines.map((line) => `|${line}`)].join('\n')).join('\n')}\nend\n`);

  it('of the output of a node', () => {
    fc.assert(
      fc.property(output, (text) => {
        readFullFindings('n', text, openPool());
        readFindings('n', text.replaceAll('\r', ''), openPool());
      }),
    );
  });

  it('of an object', () => {
    const value = fc.oneof(
      torn,
      torn.map(b64),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
      fc.anything(),
    );
    fc.assert(
      fc.property(fc.constantFrom('Secret', 'ConfigMap', 'APIService'), fc.dictionary(fc.string(), value), fc.anything(), (kind, data, rest) => {
        const object = { apiVersion: 'v1', kind, metadata: { name: 'b' }, data, binaryData: rest, type: 'kubernetes.io/tls', spec: rest } as unknown as KubeObject;
        for (const { code, place } of findingsIn(object, openPool())) expect([code === '', place.startsWith(kind)]).toEqual([false, true]);
      }),
    );
  });
});
