import type { Lab } from '../lab.js';
import type { KubeObject } from '../workloads/kube-objects.js';
import { clusterGrant, legacyAccount, onSecret, tokenSecretOf } from './legacy-token.js';

export const flannelNamespace = 'kube-flannel';
const account = 'flannel';

/** What must be there, and the token filled, before the pods are made. */
export function flannelFoundation(lab: Lab): KubeObject[] {
  const { account: serviceAccount, secret } = legacyAccount(flannelNamespace, account);
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: flannelNamespace } },
    serviceAccount,
    secret,
    ...clusterGrant(flannelNamespace, account, [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    ]),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-flannel-cfg', namespace: flannelNamespace },
      data: { 'net-conf.json': JSON.stringify({ Network: lab.layout.podNetwork, Backend: { Type: 'host-gw' } }) },
    },
  ];
}

function fromField(name: string, fieldPath: string): unknown {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/** On every node, before anything else can run there. */
export function flannelDaemonSet(image: string): KubeObject {
  const labels = { app: 'flannel' };
  const token = onSecret(tokenSecretOf(account));
  const hostFolder = (name: string, path: string): [unknown, unknown] => [
    { name, hostPath: { path, type: 'DirectoryOrCreate' } },
    { name, mountPath: path },
  ];
  const folders = [hostFolder('run', '/run/flannel'), hostFolder('cni', '/etc/cni/net.d')];
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kube-flannel-ds', namespace: flannelNamespace, labels },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: account,
          ...token.pod,
          hostNetwork: true,
          priorityClassName: 'system-node-critical',
          tolerations: [{ operator: 'Exists' }],
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: 'flannel',
              image,
              imagePullPolicy: 'Never',
              env: [fromField('NODE_NAME', 'spec.nodeName'), fromField('NODE_IP', 'status.hostIP')],
              securityContext: { capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } },
              resources: { requests: { cpu: '20m', memory: '32Mi' } },
              volumeMounts: [token.mount, { name: 'config', mountPath: '/etc/kube-flannel' }, ...folders.map(([, mount]) => mount)],
            },
          ],
          volumes: [token.volume, { name: 'config', configMap: { name: 'kube-flannel-cfg' } }, ...folders.map(([volume]) => volume)],
        },
      },
    },
  };
}
