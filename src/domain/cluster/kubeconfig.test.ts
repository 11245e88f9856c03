import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../secret.js';
import { readKubeconfig, withCaData, withClient } from './kubeconfig.js';

const b64 = (text: string) => Buffer.from(text).toString('base64');
const admin = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ${b64('CA one\n')}
    server: https://lb:6443
  name: kubernetes
- cluster:
    certificate-authority-data: ${b64('CA two\n')}
    server: https://other:6443
  name: other
contexts:
- context:
    cluster: kubernetes
    user: kubernetes-admin
  name: kubernetes-admin@kubernetes
- context: {cluster: other, user: kubernetes-admin}
  name: other
current-context: kubernetes-admin@kubernetes
kind: Config
users:
- name: kubernetes-admin
  user:
    client-certificate-data: ${b64('leaf\n')}
    client-key-data: ${b64('key\n')}
`;
const kubelet = admin
  .replace(/client-certificate-data: .*/, 'client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem # renewed')
  .replace(/client-key-data: .*/, 'client-key: /var/lib/kubelet/pki/kubelet-client-current.pem');
const json = JSON.stringify({
  clusters: [{ name: 'a', cluster: { server: 'https://a', 'certificate-authority': '/ca' } }],
  users: [{ name: 'u', user: { token: 't' } }],
  contexts: [{ name: 'c', context: { cluster: 'a', user: 'u' } }],
  'current-context': 'c',
});

describe('kubeconfigs', () => {
  it('reads the current context only', () => {
    const { clientKey, ...rest } = readKubeconfig(admin);
    expect(rest).toEqual({
      context: 'kubernetes-admin@kubernetes',
      server: 'https://lb:6443',
      insecure: false,
      user: 'kubernetes-admin',
      token: 'none',
      caPem: 'CA one\n',
      clientCertificatePem: 'leaf\n',
    });
    expect(clientKey?.reveal().toString()).toBe('key\n');
    expect(readKubeconfig(kubelet)).toMatchObject({
      clientCertificateFile: '/var/lib/kubelet/pki/kubelet-client-current.pem',
      clientKeyFile: '/var/lib/kubelet/pki/kubelet-client-current.pem',
    });
    expect(readKubeconfig(json)).toMatchObject({ server: 'https://a', caFile: '/ca', token: 'embedded' });
  });

  it.each([
    ['block', admin],
    ['paths', kubelet],
    ['quoted', admin.replaceAll(/-data: (.*)/g, '-data: "$1"')],
    ['single quotes', admin.replaceAll(/-data: (.*)/g, "-data: '$1'")],
    ['folded', admin.replace(/client-certificate-data: (.*)/, 'client-certificate-data: |-\n      $1')],
    ['windows line ends', admin.replaceAll('\n', '\r\n')],
    ['json', json],
  ])('%s: what is set is read, the rest keeps its bytes', (_, text) => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (ca, leaf, key) => {
        const before = readKubeconfig(text);
        const edited = withClient(withCaData(text, ca), { certificatePem: leaf, keyPem: new Secret(key) });
        const { clientKey, ...after } = readKubeconfig(edited);
        const { clientKey: _key, caFile: _ca, clientCertificateFile: _c, clientKeyFile: _k, ...kept } = before;
        expect(after).toEqual({ ...kept, caPem: ca, clientCertificatePem: leaf });
        expect(clientKey?.reveal().toString()).toBe(key);
        expect(withClient(withCaData(edited, 'x'), { certificatePem: 'y', keyPem: 'z' })).toBe(withClient(withCaData(text, 'x'), { certificatePem: 'y', keyPem: 'z' }));
      }),
      { numRuns: 30 },
    );
  });

  it('cluster-info: one cluster and no contexts', () => {
    const info = `apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: ${b64('CA\n')}\n    server: https://lb:6443\n  name: ""\ncontexts: null\ncurrent-context: ""\nkind: Config\npreferences: {}\nusers: null\n`;
    expect(readKubeconfig(info)).toEqual({ context: '', server: 'https://lb:6443', insecure: false, user: '', token: 'none', caPem: 'CA\n' });
    expect(withCaData(info, 'both\n')).toBe(info.replace(b64('CA\n'), b64('both\n')));
    expect(() => withClient(info, { certificatePem: 'a', keyPem: 'b' })).toThrow(expect.objectContaining({ code: 'kubeconfig-invalid' }));
  });

  it('changes one value and nothing else', () => {
    expect(withCaData(admin, 'CA three\n')).toBe(admin.replace(b64('CA one\n'), b64('CA three\n')));
    expect(withCaData(withCaData(admin, 'x'), 'CA one\n')).toBe(admin);
    expect(withClient(kubelet, { certificatePem: 'l', keyPem: 'k' })).toContain(`    client-key-data: ${b64('k')}\n    client-certificate-data: ${b64('l')}\n`);
  });

  it.each([
    ['a torn text', admin.slice(0, 60).replace('clusters:', 'clusters: ['), /conf:\d+:\d+/],
    ['no current context', admin.replace('current-context: kubernetes-admin@kubernetes', 'current-context: ""'), /conf:18:1/],
    ['an unknown context', admin.replace('current-context: kubernetes-admin@kubernetes', 'current-context: nowhere'), /conf:18:18/],
    ['an unknown user', admin.replace('    user: kubernetes-admin', '    user: nobody'), /conf:13:5.*no user "nobody"/],
    ['a cluster twice', admin.replace('name: other\ncontexts', 'name: kubernetes\ncontexts'), /conf:7:3.*twice/],
    ['a key twice', admin.replace('    server: https://lb:6443', '    server: a\n    server: b'), /conf:6:5/],
    ['no base64', admin.replace(/client-certificate-data: .*/, 'client-certificate-data: "***"'), /conf:23:30/],
    ['a list', '- a', /conf:1:1/],
    ['nothing', '', /conf:1:1/],
  ])('%s is refused with its place', (_, text, message) => {
    expect(() => readKubeconfig(text, '/etc/kubernetes/admin.conf')).toThrow(expect.objectContaining({ code: 'kubeconfig-invalid', message: expect.stringMatching(message) }));
  });

  it('an error never quotes the text', () => {
    const text = admin.replace('users:', '\tusers:');
    expect(() => readKubeconfig(text)).toThrow(expect.objectContaining({ message: expect.not.stringContaining(b64('key\n')) }));
  });
});
