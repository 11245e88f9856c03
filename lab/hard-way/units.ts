import { etcdUser, nodePaths } from './folders.js';

export interface Unit {
  readonly name: string;
  readonly description: string;
  readonly runsOn: 'control-planes' | 'every-node';
  readonly after?: string;
  /** Lines of the section [Service] beside ExecStart and Restart. */
  readonly service: readonly string[];
  readonly program: string;
  /** As they stand in ExecStart: flags, and variables of the EnvironmentFile, which hold the rest of them. */
  readonly flags: readonly string[];
}

const { pki, authority, etcdPki } = nodePaths;

/** Flags and environment are mixed as they are in grown clusters: who looks for a file must read both. */
export const units: readonly Unit[] = [
  {
    name: 'etcd',
    description: 'etcd',
    runsOn: 'control-planes',
    // Its user may read its own folder of certificates only.
    service: ['Type=notify', `User=${etcdUser.name}`, 'StateDirectory=etcd', 'StateDirectoryMode=0700', 'EnvironmentFile=/etc/etcd/etcd.env', 'TimeoutStartSec=300'],
    program: '/usr/local/bin/etcd',
    flags: ['--data-dir=/var/lib/etcd', '--client-cert-auth', `--cert-file=${etcdPki}/etcd.pem`, `--key-file=${etcdPki}/etcd-key.pem`, `--trusted-ca-file=${etcdPki}/ca.pem`],
  },
  {
    name: 'kube-apiserver',
    description: 'Kubernetes API server',
    runsOn: 'control-planes',
    after: 'etcd.service',
    service: ['EnvironmentFile=/etc/kubernetes/apiserver.env'],
    program: '/usr/local/bin/kube-apiserver',
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
    program: '/usr/local/bin/kube-controller-manager',
    flags: ['--kubeconfig=/etc/kubernetes/controller-manager.kubeconfig', `--root-ca-file=${authority}`, '--use-service-account-credentials', '$KUBE_CONTROLLER_MANAGER_ARGS'],
  },
  {
    name: 'kube-scheduler',
    description: 'Kubernetes scheduler',
    runsOn: 'control-planes',
    service: ['EnvironmentFile=/etc/kubernetes/scheduler.env'],
    program: '/usr/local/bin/kube-scheduler',
    flags: ['$KUBE_SCHEDULER_ARGS'],
  },
  {
    name: 'kubelet',
    description: 'Kubernetes kubelet',
    runsOn: 'every-node',
    after: 'containerd.service',
    service: ['EnvironmentFile=/etc/kubernetes/kubelet.env'],
    program: '/usr/local/bin/kubelet',
    flags: [`--config=${nodePaths.kubeletConfig}`, '$KUBELET_ARGS'],
  },
  {
    name: 'kube-proxy',
    description: 'Kubernetes proxy',
    runsOn: 'every-node',
    service: ['EnvironmentFile=/etc/kubernetes/proxy.env'],
    program: '/usr/local/bin/kube-proxy',
    flags: [`--config=${nodePaths.proxyConfig}`, '$KUBE_PROXY_ARGS'],
  },
];

export function unitText(unit: Unit): string {
  const after = ['network.target', ...(unit.after === undefined ? [] : [unit.after])].join(' ');
  return `[Unit]
Description=${unit.description}
After=${after}
StartLimitIntervalSec=0

[Service]
${unit.service.join('\n')}
ExecStart=${[unit.program, ...unit.flags].join(' \\\n  ')}
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
`;
}
