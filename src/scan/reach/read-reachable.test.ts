import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expiryOf } from '../../domain/expiry/expiry.js';
import { fail } from '../../domain/errors.js';
import type { Kube } from '../../ports/kube.js';
import { ca, files, host, kubeOf, layOut, makeFiles, removeNodes, shellAt, shellsOf } from '../folder-cluster.test-support.js';
import { readReachable } from './read-reachable.js';

const config = (name: string, pem: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'app', name }, data: { 'ca.crt': pem } });
const unreachable = (name: string) => fail('ssh-unreachable', { target: name, summary: `no SSH connection to ${name}`, cause: 'timed out', nextAction: 'Bring it back.' });

beforeAll(async () => {
  await makeFiles();
  layOut('cp1');
});
afterAll(removeNodes);

describe('what can be reached is read', () => {
  it('over SSH alone', async () => {
    const reached = await readReachable({ hosts: [host('cp1')], shells: shellsOf(shellAt) });
    expect(reached.unseen).toEqual([]);
    const { certificates } = expiryOf(reached);
    expect(certificates.filter(({ ending }) => ending !== undefined).map(({ name, node, caName, externallyManaged }) => [name, node, caName, externallyManaged])).toContainEqual([
      'kubelet-client',
      'cp1',
      'ca',
      false,
    ]);
  });

  it('over the API alone: nobody knows who has the key', async () => {
    const { authorities } = expiryOf(await readReachable({ hosts: [], kube: kubeOf({ ConfigMap: [config('trust', ca.certificatePem)] }) }));
    expect(authorities.map(({ name, node, path, externallyManaged }) => ({ name, node, path, externallyManaged }))).toEqual([
      { name: 'kubernetes', node: '', path: 'ConfigMap app/trust /data/ca.crt', externallyManaged: undefined },
    ]);
  });

  it.each<[string, (conf: string) => string, readonly string[]]>([
    ['with CA and certificate', (conf) => conf, ['Secret ci/deployer system:node:cp1', 'kubernetes kubernetes']],
    ['with a certificate alone', (conf) => conf.replace(/certificate-authority-data: .*/, 'certificate-authority: /ca.crt'), ['Secret ci/deployer system:node:cp1']],
    ['with a token', (conf) => conf.replace(/client-certificate-data: .*\n.*/, 'token: x'), ['kubernetes kubernetes']],
  ])('a kubeconfig in a Secret, %s', async (_, change, expected) => {
    const text = change(files['/etc/kubernetes/admin.conf'] ?? '');
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'ci', name: 'deployer' }, data: { config: Buffer.from(text).toString('base64') } };
    const reached = await readReachable({ hosts: [], kube: kubeOf({ Secret: [secret] }) });
    const { certificates, authorities } = expiryOf(reached);
    expect([...certificates, ...authorities].map(({ name, path, certificate }) => [path, `${name} ${/CN=([^+,]*)/.exec(certificate?.subject ?? '')?.[1] ?? ''}`])).toEqual(
      expected.map((row) => ['Secret ci/deployer /data/config', row]),
    );
    expect(JSON.stringify(reached)).not.toContain('PRIVATE KEY');
  });

  it('a node that is away and Secrets that may not be read are said, and keep nothing else away', async () => {
    const whole = kubeOf({ ConfigMap: [config('trust', ca.certificatePem)] });
    const kube: Kube = {
      ...whole,
      list: (kind) =>
        kind.kind === 'Secret'
          ? Promise.reject(captured(() => fail('api-forbidden', { target: 'secrets', summary: 'Secrets may not be read', nextAction: 'Give a credential that may.' })))
          : whole.list(kind),
    };
    const shells = shellsOf((name) => (name === 'cp1' ? shellAt(name) : { ...shellAt(name), must: () => Promise.reject(captured(() => unreachable(name))) }));
    const reached = await readReachable({ hosts: [host('w9'), host('cp1')], shells, kube });
    expect(reached.unseen).toEqual([
      { place: 'API: Secret', why: 'api-forbidden: Secrets may not be read. Give a credential that may.' },
      { place: 'w9', why: 'ssh-unreachable: no SSH connection to w9: timed out. Bring it back.' },
    ]);
    expect([reached.nodes.map(({ name }) => name), reached.objects.map(({ name }) => name)]).toEqual([['cp1'], ['trust']]);
  });

  it('a manifest that is none is a finding', async () => {
    files['/etc/kubernetes/manifests/kube-apiserver.yaml'] = 'kind: [';
    layOut('cp2');
    const { findings, nodes } = await readReachable({ hosts: [host('cp2')], shells: shellsOf(shellAt) });
    expect(findings).toMatchObject([{ code: 'manifest-broken', place: expect.stringContaining('cp2:/etc/kubernetes/manifests/kube-apiserver.yaml') }]);
    expect(nodes[0]?.files.length).toBeGreaterThan(5);
  });

  it('what was interrupted ends', async () => {
    const shells = shellsOf((name) => ({
      ...shellAt(name),
      must: () => Promise.reject(captured(() => fail('interrupted', { target: name, summary: 'asked to stop', nextAction: 'Run it again.' }))),
    }));
    await expect(readReachable({ hosts: [host('cp1')], shells })).rejects.toThrow('asked to stop');
  });
});

function captured(raise: () => never): unknown {
  try {
    return raise();
  } catch (error) {
    return error;
  }
}
