/** Words for edges: what stops when one breaks, what to do, and how long an interruption lasts. Pure. */

import type { Edge, EdgeClass, EdgeId, ProcessId } from './graph.js';

/** As the Go client or the component says it, in one clause. */
const symptoms: Readonly<Partial<Record<EdgeClass, string>>> = {
  E1: 'the API server is not ready (/readyz etcd), and does not start again',
  E2: 'members do not reach each other; with a majority cut the quorum is lost',
  E3: 'the JSON gateway of etcd fails',
  E4: 'etcdctl and backups end with "context deadline exceeded"',
  E5: 'kube-controller-manager cannot renew its lease and ends',
  E6: 'kube-scheduler cannot renew its lease and ends',
  E7: 'the node is NotReady after 50 s, and its pods are evicted after five minutes',
  E8: 'the node cannot join',
  E9: '"x509: certificate signed by unknown authority", or 401',
  E10: 'changes of Services are not seen on the node',
  E11: 'its watches end with "x509: certificate signed by unknown authority"',
  E12: 'new pods stay in ContainerCreating',
  E13: 'kubectl logs, exec and port-forward fail on the node',
  E15: '503 "error trying to reach service" for the group, although the APIService says Available',
  E17: '"failed calling webhook": with failurePolicy Fail writes are refused, those of the rotation too',
  E20: '401 or 403 for its metrics',
  E25: 'kubeadm join ends with "cluster CA found in cluster-info ConfigMap is invalid" or x509',
  E27: 'rotate-ca is locked out',
  K1: '401 for whoever uses the token',
  K2: '401 for pods until their token is renewed',
  S1: 'kubelets cannot renew, nodes cannot join; kube-controller-manager may not start again',
};

/** What an operator sees when an edge breaks, by its id. */
export function symptomOf(edge: EdgeId): string {
  return symptoms[edge.split(' ')[0] as EdgeClass] ?? 'the connection fails';
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
