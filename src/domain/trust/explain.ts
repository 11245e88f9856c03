/** Words for edges: what stops when one breaks, what to do, and how long an interruption lasts. Pure. */

import type { Edge, EdgeClass, ProcessId } from './graph.js';

interface Words {
  /** Who verifies whom. */
  readonly what: string;
  /** What an operator sees when it breaks (kubernetes-pki 3.1, column "symptom"). */
  readonly symptom: string;
}

const words: Readonly<Partial<Record<EdgeClass, Words>>> = {
  E1: { what: 'API server to etcd', symptom: 'the API server is not ready (/readyz etcd), and does not start again' },
  E2: { what: 'etcd members to each other', symptom: 'members do not reach each other; with a majority cut the quorum is lost' },
  E3: { what: 'JSON gateway of etcd to itself', symptom: 'the JSON gateway of etcd fails' },
  E4: { what: 'etcdctl, kubeadm and backup jobs to etcd', symptom: 'etcdctl and backups end with "context deadline exceeded"' },
  E5: { what: 'kube-controller-manager to the API', symptom: 'kube-controller-manager cannot renew its lease and ends' },
  E6: { what: 'kube-scheduler to the API', symptom: 'kube-scheduler cannot renew its lease and ends' },
  E7: { what: 'kubelet to the API', symptom: 'the node is NotReady after 50 s, and its pods are evicted after five minutes' },
  E8: { what: 'bootstrap of a kubelet', symptom: 'the node cannot join' },
  E9: { what: 'kubeconfigs and holders of copies of the CA to the API', symptom: '"x509: certificate signed by unknown authority", or 401' },
  E10: { what: 'kube-proxy to the API', symptom: 'changes of Services are not seen on the node' },
  E11: { what: 'pods to the API', symptom: 'its watches end with "x509: certificate signed by unknown authority"' },
  E12: { what: 'network plugin to the API', symptom: 'new pods stay in ContainerCreating' },
  E13: { what: 'API server to kubelet', symptom: 'kubectl logs, exec and port-forward fail on the node' },
  E15: { what: 'API server to aggregated API', symptom: '503 "error trying to reach service" for the group, although the APIService says Available' },
  E17: { what: 'API server to webhook', symptom: '"failed calling webhook": with failurePolicy Fail writes are refused, those of the rotation too' },
  E20: { what: 'clients to kube-scheduler', symptom: '401 or 403 for its metrics' },
  E25: { what: 'joining nodes to the API', symptom: 'kubeadm join ends with "cluster CA found in cluster-info ConfigMap is invalid" or x509' },
  E27: { what: 'rotate-ca to the API', symptom: 'rotate-ca is locked out' },
  K1: { what: 'tokens in Secrets', symptom: '401 for whoever uses the token' },
  K2: { what: 'tokens of pods', symptom: '401 for pods until their token is renewed' },
  S1: { what: 'signer of CertificateSigningRequests', symptom: 'kubelets cannot renew, nodes cannot join; kube-controller-manager may not start again' },
};

export function describe(edgeClass: EdgeClass): Words {
  return words[edgeClass] ?? { what: 'connection', symptom: 'it fails' };
}

/** Trust before use, use before distrust: which of both was not kept. */
export function adviceFor({ class: edgeClass, leg, client, server }: Edge): string {
  if (leg === 'token') return `Let ${server} verify tokens by the key that signs them before that key is used; then plan again.`;
  if (edgeClass === 'S1') return `Give ${client} one certificate to sign with, of a CA that ${server} trusts, then plan again.`;
  const [verifier, presenter] = leg === 'server' ? [client, server] : [server, client];
  return `Let ${verifier} trust and load the CA of what ${presenter} presents before it is presented, and drop a CA only after ${presenter} presents none of it; then plan again.`;
}

/** About how long a process is away when it is started anew, ms (figures of the lab on a quiet machine; a fleet's own may differ). */
const awayMs: Readonly<Record<string, number>> = {
  'kube-apiserver': 15_000,
  etcd: 5_000,
  'kube-controller-manager': 3_000,
  'kube-scheduler': 3_000,
  kubelet: 3_000,
  'kube-proxy': 2_000,
  pod: 5_000,
};

export function interruption(restarted: readonly ProcessId[]): { readonly forMs: number; readonly why: string } {
  const forMs = Math.max(...restarted.map((process) => awayMs[process.split(/[@ ]/)[0] ?? ''] ?? 5_000));
  return { forMs, why: `${restarted.join(' and ')} start${restarted.length === 1 ? 's' : ''} anew` };
}
