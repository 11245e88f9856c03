/** What a staging cluster shall be: plain data, made from a topology or from an inventory of a real cluster. No key material. */

import type { KeyType, Role } from '../domain/cluster/inventory.js';

export interface CaSpec {
  readonly commonName: string;
  readonly keyType: KeyType;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A leaf that differs from what kubeadm would make; found by node and path. */
export interface LeafSpec {
  /** File on the node, or kubeconfig that embeds it. */
  readonly path: string;
  readonly keyType?: KeyType;
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  /** "DNS:a", "IP:10.0.0.1": beside those that the node's staging address needs. */
  readonly sans?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}

export interface NodeSpec {
  readonly name: string;
  readonly roles: readonly Role[];
  /** Loopback address of its own: 127.BLOCK.x.y. SSH listens on `sshPort` there, the API server on 6443, the kubelet on 10250, etcd on 2379. */
  readonly address: string;
  readonly sshPort: number;
  /** Of its kubelet, where it is not that of the cluster: "v1.33.2". */
  readonly kubeletVersion?: string;
  /** Name of the node through which it is reached by SSH (ProxyJump). */
  readonly via?: string;
  readonly tools: { readonly openssl: boolean; readonly ctr: boolean; readonly crictl: boolean; readonly kubeadm: boolean; readonly etcdctl: boolean };
  readonly leaves: readonly LeafSpec[];
  /** Flags beside or instead of kubeadm's, by component. */
  readonly flags: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** How a workload's client library treats ca.crt: `once` as client-go up to 1.34, Node, Python; `reload` as newer ones. */
export interface WorkloadSpec {
  readonly kind: 'Deployment' | 'DaemonSet' | 'StatefulSet';
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly priorityClass?: string;
  /** maxUnavailable of a PodDisruptionBudget. */
  readonly budget?: number;
  readonly readsCa: 'once' | 'reload';
  /** Its service account, where that has another name. */
  readonly account?: string;
  /** The legacy token Secret that it lives on; empty: it has no token and never asks the API. Without: a projected token, as usual. */
  readonly tokenSecret?: string;
}

/** A value of an API object that holds a CA certificate of the cluster, and that nobody of the cluster writes. */
export interface CaCopySpec {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for objects of the whole cluster. */
  readonly namespace: string;
  readonly name: string;
  /** JSON pointer. */
  readonly field: string;
  readonly encoding: 'pem' | 'base64-pem' | 'kubeconfig';
  readonly ca: 'cluster' | 'etcd' | 'frontProxy';
}

/** `kubeadm`: a control plane of static pods, three CAs. `hard-way`: made by hand, everything a systemd unit, one CA whose key is in Vault. */
export type LayoutName = 'kubeadm' | 'hard-way';

export interface ClusterSpec {
  readonly name: string;
  /** kubeadm unless told. */
  readonly layout?: LayoutName;
  /** UID of kube-system. */
  readonly uid: string;
  /** "v1.34.3" */
  readonly version: string;
  /** Second octet of all addresses of the cluster. */
  readonly block: number;
  /** In front of the API servers: 127.BLOCK.0.1:6443. */
  readonly loadBalancer: { readonly address: string; readonly port: number };
  readonly vault: { readonly address: string; readonly port: number };
  readonly cas: { readonly cluster: CaSpec; readonly etcd: CaSpec; readonly frontProxy: CaSpec };
  /** Key type of leaves that are made by kubeadm. */
  readonly leafKeyType: KeyType;
  readonly nodes: readonly NodeSpec[];
  readonly namespaces: readonly string[];
  readonly workloads: readonly WorkloadSpec[];
  /** Values of priority classes by name, beside those of Kubernetes itself. */
  readonly priorityClasses: Readonly<Record<string, number>>;
  /** Legacy service-account-token Secrets, spread over the namespaces. */
  readonly tokenSecrets: number;
  /** Where they are, if an inventory says so; else they are spread. */
  readonly tokenSecretNames?: readonly { readonly namespace: string; readonly name: string }[];
  /** Objects of others that carry a CA of the cluster: those of an inventory. undefined: a webhook and an extension API. */
  readonly caCopies?: readonly CaCopySpec[];
  /** What of the inventory could not be made alike, each a line for the operator. */
  readonly notReproduced: readonly string[];
}
