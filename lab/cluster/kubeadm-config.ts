import { stringify } from 'yaml';
import { apiEndpoint, type Lab } from '../lab.js';
import type { Release } from '../release.js';
import { kubeletOnThisMachine, proxyOnThisMachine } from './this-machine.js';

const auditFolder = '/etc/kubernetes/audit';
const auditLogFolder = '/var/log/kubernetes';

/** Where kubeadm finds what it changes in its own manifests. */
export const patchesFolder = '/etc/kubernetes/patches';

/**
 * Where each control plane has a machine of its own, nobody competes with etcd for the processor; here five nodes share it, and with
 * kubeadm's request of 100m a starting controller manager (200m) gets twice as much of it as the etcd beside it.
 */
export const etcdPatch = stringify({ spec: { containers: [{ name: 'etcd', resources: { requests: { cpu: '1' } } }] } });

/** v1beta4 has a list of flags, so that one can be given twice; v1beta3 had a map. */
function extraArgs({ kubeadmApi }: Release, flags: Readonly<Record<string, string>>): unknown {
  return kubeadmApi === 'v1beta3' ? flags : Object.entries(flags).map(([name, value]) => ({ name, value }));
}

/** What `kubeadm init` gets: kubeadm's own defaults wherever this machine allows them. */
export function kubeadmConfig(lab: Lab): string {
  const [first] = lab.controlPlanes;
  if (first === undefined) throw new Error('a cluster needs a control plane');
  const { release } = lab.layout;
  const apiVersion = `kubeadm.k8s.io/${release.kubeadmApi}`;
  const verifiesKubelets = lab.layout.kubeletServing === 'cluster-ca';
  const init = {
    apiVersion,
    kind: 'InitConfiguration',
    nodeRegistration: { name: first.name, criSocket: 'unix:///run/containerd/containerd.sock' },
    localAPIEndpoint: { advertiseAddress: first.ip },
    patches: { directory: patchesFolder },
  };
  const cluster = {
    apiVersion,
    kind: 'ClusterConfiguration',
    clusterName: 'lab',
    kubernetesVersion: release.version,
    ...(release.kubeadmApi === 'v1beta3' ? {} : { encryptionAlgorithm: lab.shape.encryptionAlgorithm }),
    controlPlaneEndpoint: apiEndpoint(lab.layout),
    networking: { podSubnet: lab.layout.podNetwork, serviceSubnet: lab.layout.serviceNetwork },
    apiServer: {
      certSANs: [lab.layout.address, 'lb.lab'],
      extraArgs: extraArgs(release, {
        'audit-policy-file': `${auditFolder}/policy.yaml`,
        'audit-log-path': `${auditLogFolder}/audit.log`,
        'audit-log-maxsize': '100',
        'audit-log-maxbackup': '4',
        ...(verifiesKubelets ? { 'kubelet-certificate-authority': '/etc/kubernetes/pki/ca.crt' } : {}),
      }),
      extraVolumes: [
        { name: 'audit-policy', hostPath: auditFolder, mountPath: auditFolder, readOnly: true, pathType: 'Directory' },
        { name: 'audit-log', hostPath: auditLogFolder, mountPath: auditLogFolder, pathType: 'DirectoryOrCreate' },
      ],
    },
  };
  const kubelet = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    ...kubeletOnThisMachine,
    ...(verifiesKubelets ? { serverTLSBootstrap: true } : {}),
  };
  const proxy = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    ...proxyOnThisMachine,
  };
  return [init, cluster, kubelet, proxy].map((document) => stringify(document)).join('---\n');
}
