import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFlags } from './flags.js';
import { readFlags, readManifest, withAnnotation, withFlags } from './manifest.js';

const kcm = `apiVersion: v1
kind: Pod
metadata:
  creationTimestamp: null
  labels:
    component: kube-controller-manager
    tier: control-plane
  name: kube-controller-manager
  namespace: kube-system
spec:
  containers:
  - command:
    - kube-controller-manager
    - --allocate-node-cidrs=true
    - --client-ca-file=/etc/kubernetes/pki/ca.crt   # the bundle
    - "--cluster-name=kubernetes"
    - --cluster-signing-cert-file=/etc/kubernetes/pki/ca.crt
    - --use-service-account-credentials=true
    image: registry.k8s.io/kube-controller-manager:v1.34.1
    imagePullPolicy: IfNotPresent
    name: kube-controller-manager
    volumeMounts:
    - mountPath: /etc/kubernetes/pki
      name: k8s-certs
      readOnly: true
  hostNetwork: true
status: {}
`;
const apiserver = kcm.replace(
  '  creationTimestamp: null\n',
  '  annotations:\n    kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint: 10.0.0.11:6443\n  creationTimestamp: null\n',
);
const args = '    - --use-service-account-credentials=true';
const texts = {
  kubeadm: kcm,
  annotated: apiserver,
  'windows line ends': kcm.replaceAll('\n', '\r\n'),
  'deeper lists': kcm
    .replaceAll(/^ {4}- /gm, '      - ')
    .replace('  - command', '    - command')
    .replace(/^ {4}(image|imagePull|name|volumeMounts)/gm, '      $1')
    .replace(/^ {6}(name: k8s|readOnly)/gm, '        $1'),
  'one line': `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","annotations":{}},"spec":{"containers":[{"name":"x","command":["kube-x","--a=b"]}]}}`,
  'command last': `metadata:\n  name: x\nspec:\n  containers:\n  - name: x\n    command: [ kube-x ]\n    args:\n    - --v=2`,
};

describe('static pod manifests', () => {
  it('reads name, image, program, flags and annotations', () => {
    expect(readManifest(apiserver)).toEqual({
      name: 'kube-controller-manager',
      image: 'registry.k8s.io/kube-controller-manager:v1.34.1',
      program: 'kube-controller-manager',
      flags: {
        'allocate-node-cidrs': 'true',
        'client-ca-file': '/etc/kubernetes/pki/ca.crt',
        'cluster-name': 'kubernetes',
        'cluster-signing-cert-file': '/etc/kubernetes/pki/ca.crt',
        'use-service-account-credentials': 'true',
      },
      annotations: { 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': '10.0.0.11:6443' },
    });
  });

  it.each([
    ['a value', { 'cluster-signing-cert-file': '/x' }, kcm.replace('cert-file=/etc/kubernetes/pki/ca.crt', 'cert-file=/x')],
    ['a quoted value', { 'cluster-name': 'other' }, kcm.replace('"--cluster-name=kubernetes"', '"--cluster-name=other"')],
    ['a value with a comment behind it', { 'client-ca-file': '/y' }, kcm.replace('client-ca-file=/etc/kubernetes/pki/ca.crt  ', 'client-ca-file=/y  ')],
    ['a new flag', { 'root-ca-file': '/z' }, kcm.replace(args, `${args}\n    - --root-ca-file=/z`)],
    ['a flag taken out', { 'cluster-name': undefined }, kcm.replace('    - "--cluster-name=kubernetes"\n', '')],
    ['a flag that is not there taken out', { nothing: undefined }, kcm],
    ['the value it has', { 'cluster-name': 'kubernetes' }, kcm],
    ['a value that must be quoted', { x: 'a: b #c' }, kcm.replace(args, `${args}\n    - "--x=a: b #c"`)],
  ])('%s', (_, flags, expected) => {
    expect(withFlags(kcm, flags)).toBe(expected);
  });

  it('annotations', () => {
    const key = 'rotate-ca/generation';
    expect(withAnnotation(kcm, key, '3')).toBe(kcm.replace('metadata:\n', `metadata:\n  annotations:\n    ${key}: "3"\n`));
    expect(withAnnotation(apiserver, key, '3')).toBe(apiserver.replace('annotations:\n', `annotations:\n    ${key}: "3"\n`));
    expect(readManifest(withAnnotation(withAnnotation(kcm, key, '3'), key, 'a b')).annotations).toEqual({ [key]: 'a b' });
  });

  const value = fc.string({ unit: fc.constantFrom(...'ab1=:#, "\'/é{}[]-\\'), maxLength: 12 });
  it.each(Object.entries(texts))('%s: set, read, take out: the same bytes', (_, text) => {
    fc.assert(
      fc.property(fc.stringMatching(/^new-[a-z]{1,5}$/), value, (name, v) => {
        const set = withFlags(text, { [name]: v });
        expect(readFlags(set)).toEqual({ ...readFlags(text), [name]: v });
        expect(withFlags(set, { [name]: undefined })).toBe(text);
        const marked = withAnnotation(text, `rotate-ca/${name}`, v);
        expect(readManifest(marked).annotations).toEqual({ ...readManifest(text).annotations, [`rotate-ca/${name}`]: v });
        expect(withAnnotation(marked, `rotate-ca/${name}`, undefined)).toBe(text);
        const other = withFlags(text, Object.fromEntries(Object.keys(readFlags(text)).map((flag) => [flag, `${v}x`])));
        expect(Object.values(readFlags(other)).every((x) => x === `${v}x`)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['not yaml', 'a: [', /manifest:\d+:\d+/],
    ['a list', '- a', /1:1/],
    ['no container', 'kind: Pod', /1:1/],
  ])('%s is refused', (_, text, place) => {
    expect(() => readManifest(text)).toThrow(expect.objectContaining({ code: 'layout-unsupported', message: expect.stringMatching(place) }));
  });

  it('flags of processes', () => {
    expect(parseFlags(['/usr/bin/kubelet', '--config=/a', '-v', '2', '--x', '--feature-gates=A=true', '--key-file=a', '--key-file=b'])).toEqual({
      config: '/a',
      v: '2',
      x: 'true',
      'feature-gates': 'A=true',
      'key-file': 'a,b',
    });
  });
});
