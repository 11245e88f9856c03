import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readControllerManagerArgs, withControllerManagerArgs } from './kubeadm-config.js';

const head = `apiServer:
  certSANs:
  - lb.example
  extraArgs:
  - name: audit-log-path
    value: /var/log/a
apiVersion: kubeadm.k8s.io/v1beta4
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
`;
const tail = `kind: ClusterConfiguration
kubernetesVersion: v1.34.1
networking:
  dnsDomain: cluster.local
scheduler: {}
`;
const cm = (text: string) => `${head}${text}${tail}`;
const empty = cm('controllerManager: {}\n');
const split = { 'cluster-signing-cert-file': '/etc/kubernetes/pki/issuer.crt' };

const texts = {
  empty,
  'list at the key': cm('controllerManager:\n  extraArgs:\n  - name: v\n    value: "2"\n'),
  'indented list': cm('controllerManager:\n  extraArgs:\n    - name: v\n      value: "2"  # loud\n    - value: x\n      name: y\n  extraVolumes: []\n'),
  'volumes only': cm('controllerManager:\n  extraVolumes:\n  - name: a\n    hostPath: /a\n'),
  'windows line ends': empty.replaceAll('\n', '\r\n'),
  'last, without a newline': `${head}${tail}controllerManager: {}`,
  'v1beta3 empty': empty.replace('v1beta4', 'v1beta3'),
  'v1beta3 map': cm('controllerManager:\n  extraArgs:\n    v: "2"\n').replace('v1beta4', 'v1beta3'),
};

describe('extra arguments of kube-controller-manager in kubeadm-config', () => {
  it('as kubeadm would write them', () => {
    expect(withControllerManagerArgs(empty, split)).toBe(cm('controllerManager:\n  extraArgs:\n  - name: cluster-signing-cert-file\n    value: /etc/kubernetes/pki/issuer.crt\n'));
    expect(withControllerManagerArgs(texts['v1beta3 empty'], split)).toContain(
      'controllerManager:\n  extraArgs:\n    cluster-signing-cert-file: /etc/kubernetes/pki/issuer.crt\nkind:',
    );
    expect(withControllerManagerArgs(texts['list at the key'], { v: '3' })).toBe(texts['list at the key'].replace('"2"', '"3"'));
  });

  it.each(Object.entries(texts))('%s: set, read, take out: the same bytes', (_, text) => {
    const name = fc.stringMatching(/^new-[a-z]{1,5}$/);
    const value = fc.string({ unit: fc.constantFrom(...'ab1=:#, "\'/é{}[]-\\'), maxLength: 12 });
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true }), (args) => {
        const set = withControllerManagerArgs(text, args);
        expect(readControllerManagerArgs(set)).toEqual({ ...readControllerManagerArgs(text), ...args });
        expect(withControllerManagerArgs(set, args)).toBe(set);
        expect(withControllerManagerArgs(set, Object.fromEntries(Object.keys(args).map((key) => [key, undefined])))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });

  it('without controllerManager one is made', () => {
    const set = withControllerManagerArgs(cm(''), split);
    expect(readControllerManagerArgs(set)).toEqual(split);
  });

  it.each([
    ['another kind', 'kind: InitConfiguration\napiVersion: kubeadm.k8s.io/v1beta4\n'],
    ['another version', empty.replace('v1beta4', 'v1beta9')],
    ['not yaml', 'a: ['],
    ['a map for a list', cm('controllerManager:\n  extraArgs:\n    a: b\n')],
  ])('%s is refused', (_, text) => {
    expect(() => withControllerManagerArgs(text, split)).toThrow(expect.objectContaining({ code: 'layout-unsupported' }));
  });
});
