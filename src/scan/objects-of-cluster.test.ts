import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { b64, ca, host, keyText, kubeOf, layOut, leafPem, makeFiles, node, removeNodes, scan } from './folder-cluster.test-support.js';

beforeAll(makeFiles);
afterAll(removeNodes);

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
