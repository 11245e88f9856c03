/** Edges of those who use the API from outside the control plane: kubeconfigs, pods, holders of copies, joining nodes, rotate-ca (kubernetes-pki 3.1: E9 to E12, E25, E27; K1). */

import type { CertificateRecord, ObjectRecord } from '../cluster/inventory.js';
import { type ApiServer, hostOf, serversBehind, serviceAddress } from './api-servers.js';
import { toApi, verifyKeys } from './component-edges.js';
import type { InputId, PlaceId, ProcessId } from './graph.js';
import { type Draft, kubeconfigInputs } from './graph-draft.js';
import { leafOf } from './certificates.js';
import { enginePlaces, objectPlace, podId } from './names.js';
import { perUse, ruleOf } from './read-rules.js';

export function clientEdges(draft: Draft, servers: readonly ApiServer[], outgoing: CertificateRecord | undefined): void {
  const objects = storeObjects(draft);
  kubeconfigs(draft, servers);
  pods(draft, servers, objects);
  holders(draft, servers, objects, outgoing);
  legacyTokens(draft, servers);
  engine(draft, servers, outgoing);
}

function storeObjects(draft: Draft): ReadonlyMap<PlaceId, ObjectRecord> {
  return new Map(
    draft.inventory.objects.map((object) => [
      draft.store(
        objectPlace(object),
        object.certificates.map((c) => c.fingerprint),
      ),
      object,
    ]),
  );
}

/** Kubeconfigs that no component reads: of people and jobs (E9), and of the network's plugins (E12), which are started anew for each pod. */
function kubeconfigs(draft: Draft, servers: readonly ApiServer[]): void {
  for (const node of draft.inventory.nodes) {
    const read = new Set(node.components.flatMap(({ flags }) => [flags.kubeconfig, flags['kubeconfig-file'], flags['bootstrap-kubeconfig'], flags['authentication-kubeconfig']]));
    for (const { kind, path } of node.files) {
      if (kind !== 'kubeconfig' || read.has(path)) continue;
      const process = `kubeconfig ${node.name}:${path}`;
      const found = kubeconfigInputs(draft, { process, node, path, rule: perUse });
      if (found === undefined) continue;
      draft.process({ id: process, kind: 'kubeconfig', node: node.name });
      toApi(draft, servers, { class: path.startsWith('/etc/cni/') ? 'E12' : 'E9', process, url: found.server, ...found });
    }
  }
}

/** What a pod knows of the CA comes with its service account; which is read once by client-go of 0.34 and before. */
function pods(draft: Draft, servers: readonly ApiServer[], objects: ReadonlyMap<PlaceId, ObjectRecord>): void {
  const address = serviceAddress(servers);
  const url = address === undefined ? '' : `https://${address}`;
  const rule = ruleOf('pod', 'ca.crt', '');
  const published = (namespace: string): PlaceId => objectPlace({ kind: 'ConfigMap', namespace, name: 'kube-root-ca.crt', field: '/data/ca.crt' });
  const put = (process: ProcessId, namespace: string): void => {
    const place = published(namespace);
    if (!objects.has(place)) return;
    toApi(draft, servers, {
      class: process.startsWith('pod kube-system/kube-proxy-') ? 'E10' : 'E11',
      process,
      url,
      ca: draft.input(process, 'ca.crt', { place, ...rule, holds: 'trust' }),
    });
  };
  const { pods: known } = draft.inventory;
  if (known === undefined) {
    // Of inventories without pods: those of a namespace are one.
    for (const { kind, name, namespace } of objects.values()) {
      if (kind === 'ConfigMap' && name === 'kube-root-ca.crt') put(draft.process({ id: `pods of ${namespace}`, kind: 'pod' }), namespace);
    }
    return;
  }
  for (const pod of known) {
    if (pod.token === 'none' && !pod.mounts.includes('ConfigMap kube-root-ca.crt')) continue;
    if (pod.owner.startsWith('Job/')) {
      draft.unseen(
        `${podId(pod)} belongs to ${pod.owner}: it is not rolled, and is taken to have ended before API servers present leaves of the incoming CA. If it runs on and asks the API, start it anew once both CAs are published.`,
      );
      continue;
    }
    put(draft.process({ id: podId(pod), kind: 'pod', node: pod.node, startedAtMs: pod.startedAtMs }), pod.namespace);
  }
}

/** Copies of the CA in ConfigMaps and Secrets: whoever holds one verifies API servers with it. cluster-info is that of joining nodes. */
function holders(draft: Draft, servers: readonly ApiServer[], objects: ReadonlyMap<PlaceId, ObjectRecord>, outgoing: CertificateRecord | undefined): void {
  const url = publicUrl(draft, servers);
  for (const [place, { kind, namespace, name, certificates }] of objects) {
    if ((kind !== 'ConfigMap' && kind !== 'Secret') || name === 'kube-root-ca.crt' || name === 'extension-apiserver-authentication') continue;
    if (!certificates.some(({ fingerprint }) => fingerprint === outgoing?.fingerprint)) continue;
    const isJoin = kind === 'ConfigMap' && namespace === 'kube-public' && name === 'cluster-info';
    const process = draft.process({ id: isJoin ? 'joining nodes' : `holder ${place}`, kind: 'outside' });
    const ca = draft.input(process, 'ca', { place, policy: 'per-use', holds: 'trust' });
    toApi(draft, servers, { class: isJoin ? 'E25' : 'E9', process, url, ca });
  }
}

/** What administrators are given is where others find the API, too: how the holder of a copy calls it is written nowhere. Empty: by any name. */
function publicUrl(draft: Draft, servers: readonly ApiServer[]): string {
  const urls = draft.inventory.nodes.flatMap(({ files }) => files.flatMap(({ path, server }) => (path.endsWith('/admin.conf') && server !== undefined ? [server] : [])));
  return urls.find((url) => !/^(localhost|127\.|::1$)/.test(hostOf(url)) && serversBehind(servers, url).servers.length === servers.length) ?? '';
}

/** Tokens in Secrets: signed by kube-controller-manager once, verified by each API server at each request. */
function legacyTokens(draft: Draft, servers: readonly ApiServer[]): void {
  for (const { place, kid } of draft.inventory.tokens ?? []) {
    if (!place.startsWith('Secret ')) continue;
    const process = draft.process({ id: `holder ${place} /data/token`, kind: 'outside' });
    const presents = draft.input(process, 'token', { place: draft.store(`${place} /data/token`, [spkiOf(kid)]), policy: 'per-use', holds: 'keys' });
    for (const server of servers) {
      const verifies = verifyKeys(draft, server);
      if (verifies !== undefined) draft.edge({ class: 'K1', client: process, server: server.process, leg: 'token', presents, verifies, rules: 'go' });
    }
  }
}

/** A kid is base64url of the SHA-256 of the SPKI (k/k pkg/serviceaccount/jwt.go keyIDFromPublicKey). */
function spkiOf(kid: string): string {
  return Buffer.from(kid, 'base64url').toString('hex');
}

/** rotate-ca comes with a kubeconfig of the outgoing CA, and trusts both from the day on which there are two. */
function engine(draft: Draft, servers: readonly ApiServer[], outgoing: CertificateRecord | undefined): void {
  if (outgoing === undefined) return;
  const process = draft.process({ id: 'rotate-ca', kind: 'engine' });
  const client = draft.input(process, 'client', { place: draft.store(enginePlaces.client, [leafOf(outgoing.fingerprint, 'rotate-ca')]), policy: 'per-use', holds: 'leaf' });
  for (const server of servers) draft.edge({ class: 'E27', client: process, server: server.process, leg: 'client', presents: client, verifies: server.clientCa, rules: 'go' });
}

/** What extension API servers and kube-scheduler verify clients with: written by the API servers, which add what they trust to what is there. */
export const extensionTrust = { kind: 'ConfigMap', namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

/** An input of a process that reads an object. */
export function objectInput(draft: Draft, process: ProcessId, object: Parameters<typeof objectPlace>[0]): InputId {
  const place = objectPlace(object);
  draft.store(place, []);
  return draft.input(process, place, { place, policy: 'watched', holds: 'trust' });
}
