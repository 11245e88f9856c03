/** Edges to servers that API servers call: aggregated APIs (E15), webhooks and conversions (E17); and of components to extension servers. */

import type { CalledServer, Inventory } from '../cluster/inventory.js';
import type { ApiServer } from './api-servers.js';
import { extensionTrust, objectInput } from './client-edges.js';
import { serverInput } from './component-edges.js';
import type { InputId, ProcessId } from './graph.js';
import type { Draft } from './graph-draft.js';
import { componentId, inputId, objectPlace } from './names.js';

export function calledEdges(draft: Draft, servers: readonly ApiServer[]): void {
  for (const called of draft.inventory.called ?? []) ofCalled(draft, servers, called);
  toScheduler(draft);
}

function ofCalled(draft: Draft, servers: readonly ApiServer[], called: CalledServer): void {
  const { kind, name, field, host, isUnverified } = called;
  const isApi = kind === 'APIService';
  const several = (draft.inventory.called ?? []).filter((one) => one.kind === kind && one.name === name).length > 1;
  const label = `${isApi ? 'apiservice' : kind === 'CustomResourceDefinition' ? 'conversion' : 'webhook'} ${name}${several ? field.replace(/\/clientConfig\/caBundle$/, '') : ''}`;
  const process = draft.process({ id: label, kind: 'served' });
  const presents = serving(draft, process, called);
  if (presents === undefined) draft.unseen(`${process} (${host}) did not say what certificate it presents: whether API servers will verify it is not known.`);
  for (const server of servers) {
    const common = { class: isApi ? 'E15' : 'E17', client: server.process, server: process, rules: 'go' } as const;
    if (presents !== undefined) {
      const verifies = isUnverified ? undefined : objectInput(draft, server.process, { kind, namespace: '', name, field });
      draft.edge({ ...common, leg: 'server', presents, ...(verifies === undefined ? {} : { verifies }), name: host });
    }
    if (!isApi || !server.flags['proxy-client-cert-file']) continue;
    const trust = objectInput(draft, process, { ...extensionTrust, field: '/data/requestheader-client-ca-file' });
    draft.edge({ ...common, leg: 'client', presents: serverInput(draft, server, 'proxy-client-cert-file', 'leaf'), verifies: trust });
  }
}

/** A Secret that holds the leaf which is presented is where it comes from. */
function serving(draft: Draft, process: ProcessId, { presents }: CalledServer): InputId | undefined {
  if (presents === undefined) return undefined;
  const secret = draft.inventory.objects.find(({ kind, certificates }) => kind === 'Secret' && certificates[0]?.fingerprint === presents);
  const place = secret === undefined ? `${process} serving` : objectPlace(secret);
  draft.store(place, secret?.certificates.map((c) => c.fingerprint) ?? [presents]);
  return draft.input(process, 'serving', { place, policy: secret === undefined ? 'memory' : 'volume', holds: 'leaf' });
}

/** kube-scheduler verifies clients with what API servers publish, and kube-controller-manager's leaf stands for those who come (apiserver NewDynamicCAFromConfigMapController). */
function toScheduler(draft: Draft): void {
  if (!hasExtensionTrust(draft.inventory)) return;
  for (const node of draft.inventory.nodes) {
    if (!node.components.some(({ name }) => name === 'kube-scheduler')) continue;
    const scheduler = componentId('kube-scheduler', node.name);
    const verifies = objectInput(draft, scheduler, { ...extensionTrust, field: '/data/client-ca-file' });
    const admin = `kubeconfig ${node.name}:/etc/kubernetes/admin.conf`;
    const client = node.files.find(({ path }) => path === '/etc/kubernetes/admin.conf')?.client;
    if (client === undefined) continue;
    draft.edge({ class: 'E20', client: admin, server: scheduler, leg: 'client', presents: inputId(admin, '/etc/kubernetes/admin.conf client'), verifies, rules: 'go' });
  }
}

function hasExtensionTrust({ objects }: Inventory): boolean {
  return objects.some(({ name, field }) => name === extensionTrust.name && field === '/data/client-ca-file');
}
