import type { Lab } from '../lab.js';
import type { Place } from './probes/place.js';
import { apiServiceName, namespace, webhookName } from './subjects/manifests.js';

/** Every edge of the lab by name, written out from the reference (kubernetes-pki 3): what a plan lists is held against it, so that none is forgotten. */
export function edgesOf(lab: Lab, place: Place): string[] {
  const cp = lab.controlPlanes[0]?.name ?? '';
  const api = `kube-apiserver@${cp}`;
  const both = (name: string): string[] => [`${name} server`, `${name} client`];
  const pods = place.pods.filter(({ id }) => !/kube-system\/(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)-/.test(id));
  return [
    ...both(`E1 ${api} -> etcd@${cp}`),
    `E3 etcd@${cp} -> etcd@${cp} client`,
    ...both(`E4 etcdctl@${cp} -> etcd@${cp}`),
    ...both(`E5 kube-controller-manager@${cp} -> ${api}`),
    `S1 kube-controller-manager@${cp} -> ${api} client`,
    ...both(`E6 kube-scheduler@${cp} -> ${api}`),
    ...lab.nodes.flatMap(({ name }) => both(`E7 kubelet@${name} -> ${api}`)),
    ...place.kubeconfigs.flatMap(({ node, path }) => both(`E9 kubeconfig ${node}:${path} -> ${api}`)),
    `E9 holder Secret ${namespace}/copied-ca /data/ca.pem -> ${api} server`,
    `E9 holder Secret ${namespace}/legacy-token /data/ca.crt -> ${api} server`,
    ...pods.map(({ id }) => `${id.startsWith('pod kube-system/kube-proxy-') ? 'E10' : 'E11'} ${id} -> ${api} server`),
    ...lab.nodes.flatMap(({ name }) => both(`E13 ${api} -> kubelet@${name}`)),
    ...both(`E15 ${api} -> apiservice ${apiServiceName}`),
    `E17 ${api} -> webhook ${webhookName} server`,
    `E20 kubeconfig ${cp}:/etc/kubernetes/admin.conf -> kube-scheduler@${cp} client`,
    `E25 joining nodes -> ${api} server`,
    `E27 rotate-ca -> ${api} client`,
    `K2 ${api} -> ${api} token`,
    `K1 holder Secret ${namespace}/legacy-token /data/token -> ${api} token`,
  ];
}
