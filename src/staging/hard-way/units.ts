/** The unit files of a hard-way node, those of lab/hard-way/units.ts: flags stand partly in the unit, partly in its environment file. */

import { etcdUser, nodePaths } from './paths.js';

export interface UnitText {
  readonly name: string;
  readonly runsOn: 'control-planes' | 'every-node';
  readonly text: string;
}

interface Shape {
  readonly name: string;
  readonly description: string;
  readonly runsOn: UnitText['runsOn'];
  readonly after?: string;
  /** Lines of the section [Service] beside ExecStart and Restart. */
  readonly service: readonly string[];
  /** As they stand in ExecStart: flags, and variables of the environment file, which hold the rest of them. */
  readonly flags: readonly string[];
}

const { pki, authority, etcdPki } = nodePaths;

const shapes: readonly Shape[] = [
  {
    name: 'etcd',
    description: 'etcd',
    runsOn: 'control-planes',
    service: ['Type=notify', `User=${etcdUser.name}`, 'StateDirectory=etcd', 'StateDirectoryMode=0700', 'EnvironmentFile=/etc/etcd/etcd.env', 'TimeoutStartSec=300'],
    flags: ['--data-dir=/var/lib/etcd', '--client-cert-auth', `--cert-file=${etcdPki}/etcd.pem`, `--key-file=${etcdPki}/etcd-key.pem`, `--trusted-ca-file=${etcdPki}/ca.pem`],
  },
  {
    name: 'kube-apiserver',
    description: 'Kubernetes API server',
    runsOn: 'control-planes',
    after: 'etcd.service',
    service: ['EnvironmentFile=/etc/kubernetes/apiserver.env'],
    flags: [
      '--allow-privileged',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      `--client-ca-file=${authority}`,
      `--tls-cert-file=${pki}/apiserver.pem`,
      `--tls-private-key-file=${pki}/apiserver-key.pem`,
      '$KUBE_ETCD_ARGS',
      '$KUBE_KUBELET_ARGS',
      '$KUBE_API_ARGS',
    ],
  },
  {
    name: 'kube-controller-manager',
    description: 'Kubernetes controller manager',
    runsOn: 'control-planes',
    service: ['EnvironmentFile=/etc/kubernetes/controller-manager.env'],
    flags: ['--kubeconfig=/etc/kubernetes/controller-manager.kubeconfig', `--root-ca-file=${authority}`, '--use-service-account-credentials', '$KUBE_CONTROLLER_MANAGER_ARGS'],
  },
  {
    name: 'kube-scheduler',
    description: 'Kubernetes scheduler',
    runsOn: 'control-planes',
    service: ['EnvironmentFile=/etc/kubernetes/scheduler.env'],
    flags: ['$KUBE_SCHEDULER_ARGS'],
  },
  {
    name: 'kubelet',
    description: 'Kubernetes kubelet',
    runsOn: 'every-node',
    after: 'containerd.service',
    service: ['EnvironmentFile=/etc/kubernetes/kubelet.env'],
    flags: [`--config=${nodePaths.kubeletConfig}`, '$KUBELET_ARGS'],
  },
  {
    name: 'kube-proxy',
    description: 'Kubernetes proxy',
    runsOn: 'every-node',
    service: ['EnvironmentFile=/etc/kubernetes/proxy.env'],
    flags: [`--config=${nodePaths.proxyConfig}`, '$KUBE_PROXY_ARGS'],
  },
];

export const units: readonly UnitText[] = shapes.map((shape) => ({ name: shape.name, runsOn: shape.runsOn, text: textOf(shape) }));

function textOf({ name, description, after, service, flags }: Shape): string {
  return `[Unit]
Description=${description}
After=${['network.target', ...(after === undefined ? [] : [after])].join(' ')}
StartLimitIntervalSec=0

[Service]
${service.join('\n')}
ExecStart=${[`/usr/local/bin/${name}`, ...flags].join(' \\\n  ')}
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`;
}
