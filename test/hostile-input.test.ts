/** Certificates, bundles, kubeconfigs and manifests that are damaged, cut, doubled, huge, binary or made to confuse: findings and documented errors, never a crash. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readKubeconfig, withCaData, withClient } from '../src/domain/cluster/kubeconfig.js';
import { readManifest, withAnnotation, withFlags } from '../src/domain/cluster/manifest.js';
import { type ErrorCode, RotationError } from '../src/domain/errors.js';
import { readBundle } from '../src/domain/pki/bundle.js';
import { findCertificates, parseCertificate, readCertificates, recordsOf } from '../src/domain/pki/certificate.js';
import { verifyChain } from '../src/domain/pki/chain.js';
import type { ChainCertificate } from '../src/domain/pki/chain-certificate.js';
import { verifyLikeOpenssl } from '../src/domain/pki/chain-openssl.js';
import { pemOf, splitPem } from '../src/domain/pki/pem.js';
import { der, octetString, sequence } from '../src/x509/der-writer.js';
import { damages } from './support/damages.js';
import { certificates, now } from './verifiers/cast.js';

// More of them by hand: HOSTILE_RUNS=20000 npx vitest run --project cross test/hostile-input
const numRuns = Number(process.env.HOSTILE_RUNS ?? 60);

const cast = certificates('a b rsa ed25519-ca leaf-a leaf-a-pinned leaf-rsa-ca name-both a-utf8 sha1-root v1-root');
const [a] = cast as [(typeof cast)[0]];

/** What a call throws must be a RotationError of the code; anything else is a defect. */
function onlyThrows(code: ErrorCode, call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof RotationError) || error.code !== code) throw error;
    expect(error.failures[0]?.nextAction).not.toBe('');
  }
}

/** RangeError, or OpenSSL's own: as parseCertificate says. Not an exhausted stack, which is a RangeError too. */
function isDocumented(error: unknown): boolean {
  if (error instanceof RangeError) return !/call stack/.test(error.message);
  return error instanceof Error && /^ERR_(OSSL|CRYPTO|INVALID_ARG)/.test((error as NodeJS.ErrnoException).code ?? '');
}

function parseOrRefuse(bytes: Uint8Array): void {
  try {
    parseCertificate(bytes);
  } catch (error) {
    if (!isDocumented(error)) throw error;
  }
}

function readAnyBundle(text: string): void {
  const { blocks, damage } = splitPem(text);
  const lines = text.split('\n').length;
  expect(damage.every(({ line, column }) => line >= 1 && line <= lines && column >= 1)).toBe(true);
  expect(findCertificates(text).length).toBeLessThanOrEqual(blocks.length);
  expect(recordsOf(text).every(({ fingerprint }) => /^[0-9a-f]{64}$/.test(fingerprint))).toBe(true);
  onlyThrows('pem-invalid', () => readCertificates(text, { source: 'bundle', rules: 'kubernetes' }));
  onlyThrows('pem-invalid', () => readBundle(text, { source: 'bundle' }));
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: admin@cluster
clusters:
- name: cluster
  cluster:
    server: https://10.0.0.10:6443
    certificate-authority-data: ${Buffer.from(a.pem).toString('base64')}
contexts:
- name: admin@cluster
  context: { cluster: cluster, user: admin }
users:
- name: admin
  user:
    client-certificate-data: ${Buffer.from(a.pem).toString('base64')}
    client-key-data: QUFBQQ==
`;

const manifest = `apiVersion: v1
kind: Pod
metadata:
  annotations:
    note: "1"
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --client-ca-file=/etc/kubernetes/pki/ca.crt
    - --secure-port
    - "6443"
    image: registry.k8s.io/kube-apiserver:v1.34.1
    name: kube-apiserver
`;

function readAnyKubeconfig(text: string): void {
  onlyThrows('kubeconfig-invalid', () => readKubeconfig(text, 'admin.conf'));
  onlyThrows('kubeconfig-invalid', () => withCaData(text, a.pem, 'admin.conf'));
  onlyThrows('kubeconfig-invalid', () => withClient(text, { certificatePem: a.pem, keyPem: 'key' }, 'admin.conf'));
}

function readAnyManifest(text: string): void {
  onlyThrows('layout-unsupported', () => readManifest(text, 'kube-apiserver.yaml'));
  onlyThrows('layout-unsupported', () => withFlags(text, { 'client-ca-file': '/other', 'secure-port': undefined, more: 'x' }, 'kube-apiserver.yaml'));
  onlyThrows('layout-unsupported', () => withAnnotation(text, 'note', '2', 'kube-apiserver.yaml'));
  onlyThrows('layout-unsupported', () => withAnnotation(text, 'note', undefined, 'kube-apiserver.yaml'));
}

describe('damaged input', () => {
  it('certificates', () => {
    fc.assert(
      fc.property(fc.constantFrom(...cast), damages, ({ der: bytes }, damage) => parseOrRefuse(damage(bytes))),
      { numRuns },
    );
  });

  it('bundles', () => {
    const whole = Buffer.from(`# two CAs\n${cast.map(({ pem }) => pem).join('')}${pemOf('PRIVATE KEY', Buffer.from('x'))}`);
    fc.assert(
      fc.property(fc.oneof(fc.constant(whole), fc.constant(Buffer.from(a.pem)), fc.constant(a.der)), damages, (bytes, damage) => readAnyBundle(damage(bytes).toString('latin1'))),
      { numRuns },
    );
  });

  it('kubeconfigs', () => {
    fc.assert(
      fc.property(damages, (damage) => readAnyKubeconfig(damage(Buffer.from(kubeconfig)).toString('utf8'))),
      { numRuns },
    );
  });

  it('manifests', () => {
    fc.assert(
      fc.property(damages, (damage) => readAnyManifest(damage(Buffer.from(manifest)).toString('utf8'))),
      { numRuns },
    );
  });
});

/** Whatever can stand in YAML, in the places at which something is expected. */
const anyYaml = fc.constantFrom(
  '~',
  '[]',
  '{}',
  '1',
  '.nan',
  '0x1F',
  '"text"',
  '!!binary AAAA',
  '[[[]]]',
  '{? [a] : b}',
  '{? ~ : b}',
  '&x [*x]',
  '*nowhere',
  '"\\0"',
  '2001-01-01',
  '{a: {a: {}}}',
  '!!set {a}',
  '[~]',
  '{__proto__: 1}',
  '!own tag',
  '>\n  folded',
);

describe('input made to confuse', () => {
  it('values of other kinds in kubeconfigs and manifests', () => {
    const line = (text: string) => fc.constantFrom(...text.split('\n').filter((one) => one.includes(':')));
    fc.assert(
      fc.property(line(kubeconfig), line(manifest), anyYaml, (one, other, value) => {
        readAnyKubeconfig(kubeconfig.replace(one, `${one.slice(0, one.indexOf(':'))}: ${value}`));
        readAnyManifest(manifest.replace(other, `${other.slice(0, other.indexOf(':'))}: ${value}`));
      }),
      { numRuns },
    );
  });

  const deep = (levels: number): Buffer => Array.from({ length: levels }).reduce<Buffer>((inner) => sequence(inner), Buffer.alloc(0));
  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a sequence within a sequence, ten thousand deep', deep(10_000)],
    ['a length of four gigabytes', Buffer.from('3084ffffffff30', 'hex')],
    ['a length without an end', Buffer.from('30803080', 'hex')],
    ['zero bytes', Buffer.alloc(100_000)],
    ['a certificate within an octet string', octetString(a.der)],
    ['another certificate behind it', Buffer.concat([a.der, a.der])],
    ['a tag of many bytes', der(0x1f, Buffer.alloc(5, 0xff))],
  ])('DER: %s', (_, bytes) => {
    parseOrRefuse(bytes);
    readAnyBundle(pemOf('CERTIFICATE', bytes));
    readAnyBundle(bytes.toString('latin1'));
  });

  it.each<[string, string]>([
    ['thirty thousand beginnings', '-----BEGIN CERTIFICATE-----\n'.repeat(30_000)],
    ['beginnings that look like headers', '-----BEGIN a:b-----\n'.repeat(30_000)],
    ['beginnings and ends that look like headers', '-----BEGIN a:b-----\n-----END c:d-----\n'.repeat(15_000)],
    ['ends only', '-----END CERTIFICATE-----\n'.repeat(30_000)],
    ['a line of a megabyte', `-----BEGIN CERTIFICATE-----\n${'A'.repeat(1_000_000)}\n-----END CERTIFICATE-----\n`],
    ['dashes', '-'.repeat(1_000_000)],
    ['blanks', ' '.repeat(1_000_000)],
    ['blanks within a line', `x${' '.repeat(1_000_000)}x`],
    ['one certificate a thousand times', a.pem.repeat(1_000)],
  ])('a bundle of %s', (_, text) => readAnyBundle(text));

  it.each<[string, string]>([
    ['an alias in itself', '&a [*a]'],
    ['aliases of aliases', `a: &a [x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [${`*${i === 0 ? 'a' : `b${i - 1}`}, `.repeat(9)}]`).join('\n')}\n`],
    ['brackets, ten thousand deep', '['.repeat(10_000)],
    ['maps, five thousand deep', `${'{a: '.repeat(5_000)}1${'}'.repeat(5_000)}`],
    ['a million dashes', '- '.repeat(30_000)],
    ['two documents', `${manifest}---\n${kubeconfig}`],
    ['bytes', a.der.toString('latin1')],
    ['only a mark', '\ufeff'],
  ])('YAML: %s', (_, text) => {
    readAnyKubeconfig(text);
    readAnyManifest(text);
  });
});

describe('CAs that signed each other', () => {
  const name = fc.constantFrom('kubernetes', 'g2', 'other');
  const shape: fc.Arbitrary<Omit<ChainCertificate, 'record'> & { spki: string; ski: string; aki: string }> = fc.record({
    rawSubject: name,
    rawIssuer: name,
    version: fc.constantFrom(1, 3),
    basicConstraints: fc.constantFrom(undefined, { ca: true, pathLength: undefined }, { ca: true, pathLength: 2 }),
    keyCertSign: fc.constantFrom(undefined, true),
    extendedUsages: fc.constant(undefined),
    spki: fc.constantFrom('1', '2', '3', '4', '5', '6', '7', '8'),
    ski: fc.constantFrom('', 'x', 'y'),
    aki: fc.constantFrom('', 'x', 'y'),
  });

  it('in every way: a verdict comes', () => {
    fc.assert(
      fc.property(fc.array(shape, { minLength: 1, maxLength: 40 }), fc.nat(), (shapes, salt) => {
        const all = shapes.map(
          ({ spki, ski, aki, ...rest }, i): ChainCertificate => ({
            ...rest,
            record: { ...a.record, fingerprint: String(i), spki, ski, aki, subject: `CN=${rest.rawSubject}`, issuer: `CN=${rest.rawIssuer}` },
          }),
        );
        const [leaf, ...others] = all as [ChainCertificate, ...ChainCertificate[]];
        const half = Math.floor(others.length / 2);
        const question = {
          leaf,
          intermediates: others.slice(half),
          bundle: { certificates: others.slice(0, half) },
          atMs: now,
          usage: 'clientAuth',
          signed: (child: ChainCertificate, parent: ChainCertificate) => (Number(child.record.fingerprint) * 31 + Number(parent.record.spki) + salt) % 3 !== 0,
        } as const;
        const go = verifyChain(question);
        if (go.ok) expect(go.chain[0]).toBe(leaf);
        else expect(go.text).not.toBe('');
        const openssl = verifyLikeOpenssl(question);
        if (!openssl.ok) expect(openssl.error).toBeGreaterThan(0);
      }),
      { numRuns },
    );
  });
});
