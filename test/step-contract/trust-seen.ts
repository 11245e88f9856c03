/** Rule 5: trust as the scan sees it, and what a step declares to do to it. */

import { fileOf, type CertificateRecord, type FileRecord, type Inventory, type NodeRecord, nodesWith } from '../../src/domain/cluster/inventory.js';
import type { TrustEffect } from '../../src/domain/trust/effects.js';
import { paths, pki } from '../../src/operations/run-files.js';
import { unobserved } from './allowed.js';

/** The incoming one is there once it has been issued. */
export interface RunCas {
  readonly outgoing: CertificateRecord | undefined;
  readonly incoming: CertificateRecord | undefined;
}

/** `WHO@WHERE what` -> CAs, in no order of their own. */
export type TrustSeen = Readonly<Record<string, string>>;

export function trustSeen(inventory: Inventory, cas: RunCas): TrustSeen {
  const known = new Map<string, string>();
  const bySubject = new Map<string, string>();
  for (const name of ['outgoing', 'incoming'] as const) {
    const record = cas[name];
    if (record === undefined) continue;
    known.set(record.fingerprint, name);
    bySubject.set(`${record.subject} ${record.ski}`, name);
  }
  const seen: Record<string, string> = {};
  const casOf = (certificates: readonly CertificateRecord[]): string => inOrder(certificates.flatMap((c) => known.get(c.fingerprint) ?? []));
  const signerOf = (leaf: CertificateRecord | undefined): string => (leaf === undefined ? 'nobody' : (bySubject.get(`${leaf.issuer} ${leaf.aki}`) ?? 'another'));
  const trusts = (who: string, where: string, certificates: readonly CertificateRecord[] | undefined): void => {
    if (certificates !== undefined) seen[`${who}@${where}`] = casOf(certificates);
  };
  const presents = (who: string, where: string, leaf: CertificateRecord | undefined): void => {
    if (leaf !== undefined) seen[`${who} leaf@${where}`] = signerOf(leaf);
  };
  const kubeconfig = (who: string, node: NodeRecord, path: string): void => {
    const file = fileOf(node, path);
    trusts(who, `${node.name} ${path}`, file?.certificates);
    presents(who, `${node.name} ${path}`, file?.client);
  };

  for (const node of inventory.nodes) {
    trusts('servers', node.name, fileOf(node, paths.ca)?.certificates);
    kubeconfig('kubelets', node, paths.kubeletConf);
    presents('kubelets', node.name, fileOf(node, paths.kubeletClient)?.certificates[0]);
  }
  for (const node of nodesWith(inventory, 'control-plane')) {
    for (const path of [paths.controllerManagerConf, paths.schedulerConf]) kubeconfig('control-plane-clients', node, path);
    for (const path of [paths.adminConf, paths.superAdminConf]) kubeconfig('admins', node, path);
    presents('api-servers', node.name, fileOf(node, `${pki}/apiserver.crt`)?.certificates[0]);
    presents('api-servers-to-kubelets', node.name, fileOf(node, `${pki}/apiserver-kubelet-client.crt`)?.certificates[0]);
    const signer = signingFile(node)?.certificates[0];
    seen[`csr-signer leaf@${node.name}`] = signer === undefined ? 'nobody' : (known.get(signer.fingerprint) ?? 'another');
  }
  for (const object of inventory.objects) {
    const where = `${object.kind} ${object.namespace}/${object.name}${object.field}`;
    if (object.writer === 'kube-controller-manager') trusts('published', where, object.certificates);
    else if (object.name === 'extension-apiserver-authentication' && object.field.endsWith('/client-ca-file')) trusts('extension-servers', where, object.certificates);
    else if (object.writer !== 'kube-apiserver' && casOf(object.certificates) !== '') trusts('objects', where, object.certificates);
  }
  return seen;
}

function signingFile(node: NodeRecord): FileRecord | undefined {
  const flags = node.components.find(({ name }) => name === 'kube-controller-manager')?.flags;
  return fileOf(node, flags?.['cluster-signing-cert-file'] ?? paths.ca);
}

/** What the scan must see after a step that declares these effects, on these targets or on the whole cluster. */
export function expectedTrust(before: TrustSeen, effects: readonly TrustEffect[], targets: readonly string[] | 'cluster'): TrustSeen {
  const after: Record<string, string> = { ...before };
  const isTarget = (place: string): boolean => {
    const node = /@([^ ]+)/.exec(place)?.[1] ?? '';
    return targets === 'cluster' || !isOfNode(place) || targets.includes(node);
  };
  const setAll = (who: string, cas: (now: string) => string): void => {
    const places = Object.keys(before).filter((place) => place.startsWith(`${who}@`) && isTarget(place));
    if (places.length === 0) throw new Error(`the scan sees nothing of "${who}"`);
    for (const place of places) after[place] = cas(after[place] ?? '');
  };
  for (const effect of effects) {
    if (effect.type === 'cutover') continue;
    const who = effect.type === 'trusts' ? effect.verifier : effect.presenter;
    if (who in unobserved) continue;
    if (effect.type === 'presents') setAll(`${who} leaf`, () => effect.ca);
    else setAll(who, () => inOrder(effect.cas));
    // API servers add to the ConfigMap what they load, and never take away (k/k clusterauthenticationtrust combineCertLists).
    if (effect.type === 'trusts' && effect.verifier === 'servers') setAll('extension-servers', (now) => inOrder([...now.split(' + '), ...effect.cas]));
  }
  return after;
}

/** Published bundles and objects are those of the cluster, whatever target a step has. */
function isOfNode(place: string): boolean {
  return !/^(published|objects|extension-servers)@/.test(place);
}

export function trustDifferences(expected: TrustSeen, now: TrustSeen): string[] {
  const places = [...new Set([...Object.keys(expected), ...Object.keys(now)])].toSorted();
  return places.filter((place) => expected[place] !== now[place]).map((place) => `${place}: declared ${expected[place] ?? 'nothing'}, seen ${now[place] ?? 'nothing'}`);
}

function inOrder(cas: readonly string[]): string {
  return [...new Set(cas)]
    .filter((ca) => ca !== '')
    .toSorted()
    .toReversed()
    .join(' + ');
}
