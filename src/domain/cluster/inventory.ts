/** What is known of a cluster: its nodes, and the certificates, bundles and kubeconfigs found on them and in its API. Plain data, no secrets. */

export type Role = 'control-plane' | 'worker';

/** A host as the operator's inventory names it. `sshHost` is what is given to ssh (an alias or address). */
export interface Host {
  readonly name: string;
  readonly sshHost: string;
  readonly sshPort?: number;
  readonly sshUser?: string;
  readonly sshConfigFile?: string;
  /** Private key file, as `ssh -i`. */
  readonly sshIdentityFile?: string;
  readonly become: boolean;
}

export interface CertificateRecord {
  /** SHA-256 of the DER, lower-case hex. */
  readonly fingerprint: string;
  /** SHA-256 of the SubjectPublicKeyInfo DER, lower-case hex. */
  readonly spki: string;
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  /** Lower-case hex without colons; empty where the extension is absent. */
  readonly ski: string;
  readonly aki: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly isCa: boolean;
  readonly keyType: KeyType;
  readonly sans: readonly string[];
  readonly usages: readonly ('serverAuth' | 'clientAuth')[];
}

export type KeyType = 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ecdsa-p256' | 'ecdsa-p384' | 'ed25519' | 'other';

/** `bundle`: CA certificates; `leaf`: a leaf, perhaps with chain and key; `kubeconfig`; `manifest`: a static pod; `key`: a private or public key alone. */
export type FileKind = 'bundle' | 'leaf' | 'kubeconfig' | 'manifest' | 'key' | 'config';

export interface FileRecord {
  readonly path: string;
  readonly kind: FileKind;
  /** SHA-256 of the bytes, lower-case hex. Of a private key file: of the bytes too, never the bytes. */
  readonly sha256: string;
  /** Octal, four digits, as text: "0600". */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** Certificates in the file, in order. For a kubeconfig: CA certificates of its current context. */
  readonly certificates: readonly CertificateRecord[];
  /** kubeconfig: the client certificate embedded in it, and its server URL. */
  readonly client?: CertificateRecord;
  readonly server?: string;
  /** SHA-256 of the SPKI of a key in the file, where it is a key. */
  readonly keySpki?: string;
  /** Where a symlink leads. */
  readonly linkTo?: string;
  /** Files that a kubeconfig or a configuration names, by their key there: `client-certificate`, `clientCAFile`. */
  readonly refs?: Readonly<Record<string, string>>;
  /** Lines of a kubeconfig on which it names them, from 1. */
  readonly refLines?: Readonly<Record<string, number>>;
  /** Unix time in ms of the last write. A link's: of what it leads to. */
  readonly modifiedAtMs?: number;
}

export type ComponentName = 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'etcd' | 'kubelet' | 'kube-proxy' | 'flanneld';

/** How systemd runs a component. */
export interface UnitRecord {
  /** `etcd.service` */
  readonly name: string;
  readonly file: string;
  /** Files that override parts of the unit. */
  readonly dropIns: readonly string[];
  readonly environmentFiles: readonly string[];
  /** Empty: root. */
  readonly user: string;
  /** The files of the unit are others than those that systemd has loaded. */
  readonly isStale: boolean;
}

/** How a kubelet runs a component, on the host's network. */
export interface PodRecord {
  /** Its static pod manifest; without one it is a pod of the API, which comes back whatever is done on the node. */
  readonly manifest?: string;
}

export interface ComponentRecord {
  readonly name: ComponentName;
  /** Empty where it was not asked: of units, and of pods that are not kubeadm's. */
  readonly version: string;
  /** Command-line flags without leading dashes. */
  readonly flags: Readonly<Record<string, string>>;
  /** Static pod manifest, if it is one of kubeadm's. */
  readonly manifest?: string;
  readonly unit?: UnitRecord;
  /** Found as a process: its manifest is not where, or not named as, kubeadm's would be. */
  readonly pod?: PodRecord;
  /** Unix time in ms at which its process was started. */
  readonly startedAtMs?: number;
  /** What its listeners presented when they were asked, by port: SHA-256 of the DER of the leaf. */
  readonly presents?: Readonly<Record<string, string>>;
}

export interface NodeRecord {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly host: Host;
  readonly internalIp: string;
  readonly kubeletVersion: string;
  readonly files: readonly FileRecord[];
  readonly components: readonly ComponentRecord[];
  /** Programs of the node that steps can use. */
  readonly tools: { readonly openssl: boolean; readonly ctr: boolean; readonly crictl: boolean; readonly kubeadm: boolean };
}

/** A certificate found in an API object. */
export interface ObjectRecord {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** JSON pointer of the value that holds the PEM. */
  readonly field: string;
  /** How the PEM is kept there. */
  readonly encoding: 'pem' | 'base64-pem' | 'kubeconfig';
  readonly certificates: readonly CertificateRecord[];
  /** kubeconfig: the client certificate embedded in it. */
  readonly client?: CertificateRecord;
  /** Who rewrites it: the cluster itself, or nobody that we know of. */
  readonly writer: 'kube-controller-manager' | 'kube-apiserver' | 'kubeadm' | 'none';
}

export interface ClusterRecord {
  /** UID of the namespace kube-system: the identity of a cluster. */
  readonly uid: string;
  readonly server: string;
  readonly version: string;
}

/** What makes pods. A rehearsal makes them alike; a run does not compare them, for they change every day. */
export interface WorkloadRecord {
  readonly kind: 'DaemonSet' | 'Deployment' | 'StatefulSet';
  readonly namespace: string;
  readonly name: string;
  /** As they are wanted. 1 for a DaemonSet: a pod on each node. */
  readonly replicas: number;
  readonly priorityClass?: { readonly name: string; readonly value: number };
}

/** A pod that is running, as far as it matters for trust. */
export interface PodHolder {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly serviceAccount: string;
  /** What makes it: `DaemonSet/kube-proxy`; of a ReplicaSet's pod its Deployment. Empty: nothing. */
  readonly owner: string;
  /** Of its youngest container, Unix time in ms. */
  readonly startedAtMs: number;
  readonly images: readonly string[];
  /** Its own, by which servers see it. Missing in inventories of before. */
  readonly addresses?: readonly string[];
  /** ConfigMaps and Secrets with certificates that it mounts or takes variables from: `ConfigMap kube-root-ca.crt`; its own namespace. */
  readonly mounts: readonly string[];
  /** Its own credential for the API. `none`: it mounts none. */
  readonly token: 'bound' | 'legacy' | 'none';
}

/** A server that API servers call: a webhook, a conversion of a CRD, an aggregated API. */
export interface CalledServer {
  /** Kind and name of the object that names it. */
  readonly kind: string;
  readonly name: string;
  /** JSON pointer of the caBundle. */
  readonly field: string;
  /** Name that its certificate must be for: `SERVICE.NAMESPACE.svc`, or the host of a URL. */
  readonly host: string;
  readonly service?: { readonly namespace: string; readonly name: string; readonly port: number };
  /** insecureSkipTLSVerify. */
  readonly isUnverified: boolean;
  /** SHA-256 of the DER of the leaf that it presents; undefined: it could not be asked. */
  readonly presents?: string;
}

/** A service account token, by what its header and payload say. Never the token. */
export interface TokenRecord {
  /** `Secret NAMESPACE/NAME`, or `HOST:PATH`. */
  readonly place: string;
  readonly kid: string;
  readonly algorithm: string;
  readonly issuer: string;
  readonly subject: string;
  /** Unix time in ms; undefined: it does not end. */
  readonly expiresAtMs?: number;
}

/** Something about what was read that a human must know: broken PEM, half of a pair, one CA in two roles. */
export interface ScanFinding {
  /** `pem-broken`, `der-not-pem`, `key-in-bundle`, `pair-mismatch`, `reference-missing`, `kubeconfig-broken`, `two-roles`, ... */
  readonly code: string;
  /** `HOST:PATH`, `HOST:PATH:LINE`, or kind, namespace/name and field of an object. */
  readonly place: string;
  /** What it means, in one sentence. */
  readonly meaning: string;
}

/** What could not be looked at, and why. */
export interface Unseen {
  readonly place: string;
  readonly why: string;
}

export interface Inventory {
  readonly apiVersion: 'rotate-ca/v1';
  readonly kind: 'Inventory';
  readonly takenAt: string;
  readonly cluster: ClusterRecord;
  readonly nodes: readonly NodeRecord[];
  readonly objects: readonly ObjectRecord[];
  /** Taken for a plan. undefined: of this scan they were not asked, or the inventory is from before they were. */
  readonly workloads?: readonly WorkloadRecord[];
  /** Every certificate found, by the SHA-256 of its DER, as one PEM block. Missing in inventories of before. */
  readonly certificates?: Readonly<Record<string, string>>;
  /** Of a full scan ("rotate-ca scan", and of a plan). */
  readonly pods?: readonly PodHolder[];
  readonly called?: readonly CalledServer[];
  readonly tokens?: readonly TokenRecord[];
  readonly findings?: readonly ScanFinding[];
  readonly unseen?: readonly Unseen[];
}

/** Those that may run as pods of a control plane's own kubelet while etcd is a unit. */
export const podComponents = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const satisfies readonly ComponentName[];

/** The pod that a component of these is, however its manifest is named. */
export function podOf({ name, manifest, pod }: ComponentRecord): PodRecord | undefined {
  if (pod !== undefined || manifest === undefined) return pod;
  return podComponents.some((one) => one === name) ? { manifest } : undefined;
}

/** The nodes that have a role, in the order of the inventory. */
export function nodesWith(inventory: Inventory, role: Role): NodeRecord[] {
  return inventory.nodes.filter((n) => n.roles.includes(role));
}

/** The file of a node, if the inventory has it. */
export function fileOf(node: NodeRecord, path: string): FileRecord | undefined {
  return node.files.find((f) => f.path === path);
}
