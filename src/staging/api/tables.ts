/** Tables as `kubectl get` asks for them: k/k pkg/printers/internalversion/printers.go for nodes and pods, name and age for the rest. */

import type { IncomingHttpHeaders } from 'node:http';
import type { Resource } from './resource-table.js';
import type { StoredObject } from './store.js';

type Cell = string | number;

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer';
  readonly format?: string;
  readonly priority?: number;
  readonly cell: (object: StoredObject) => Cell;
}

export function wantsTable(headers: IncomingHttpHeaders): boolean {
  return /;as=Table/.test(headers.accept ?? '') && /;v=v1/.test(headers.accept ?? '');
}

export function tableOf(resource: Resource, objects: readonly StoredObject[], resourceVersion: string): Record<string, unknown> {
  const columns = [name, ...(kinds[`${resource.group}/${resource.kind}`] ?? []), age];
  const sorted = [...columns.filter((column) => column.priority === undefined), ...columns.filter((column) => column.priority !== undefined)];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion },
    columnDefinitions: sorted.map(({ name: title, type, format, priority }) => ({ name: title, type, format: format ?? '', description: title, priority: priority ?? 0 })),
    rows: objects.map((object) => ({
      cells: sorted.map((column) => column.cell(object)),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  };
}

const name: Column = { name: 'Name', type: 'string', format: 'name', cell: ({ metadata }) => metadata.name };
const age: Column = { name: 'Age', type: 'string', cell: ({ metadata }) => since(metadata.creationTimestamp) };

function column(title: string, cell: (object: StoredObject) => Cell, priority?: number): Column {
  return { name: title, type: 'string', cell, ...(priority === undefined ? {} : { priority }) };
}

function at(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, step) => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[step] : undefined), object);
}

function text(object: unknown, path: string, otherwise = '<none>'): string {
  const value = at(object, path);
  return value === undefined || value === null || value === '' ? otherwise : String(value);
}

interface ContainerStatus {
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: Readonly<Record<string, { readonly reason?: string; readonly exitCode?: number } | undefined>>;
}

function statuses(pod: StoredObject): readonly ContainerStatus[] {
  return (at(pod, 'status.containerStatuses') ?? []) as readonly ContainerStatus[];
}

function podStatus(pod: StoredObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const reason = statuses(pod)
    .map(({ state }) => state?.waiting?.reason ?? state?.terminated?.reason)
    .find((one) => one !== undefined);
  return reason ?? text(pod, 'status.reason', text(pod, 'status.phase', 'Unknown'));
}

function roles(node: StoredObject): string {
  const prefix = 'node-role.kubernetes.io/';
  return (
    Object.keys(node.metadata.labels ?? {})
      .filter((label) => label.startsWith(prefix))
      .map((label) => label.slice(prefix.length))
      .sort()
      .join(',') || '<none>'
  );
}

function nodeStatus(node: StoredObject): string {
  const conditions = (at(node, 'status.conditions') ?? []) as readonly { readonly type: string; readonly status: string }[];
  const ready = conditions.find(({ type }) => type === 'Ready')?.status;
  return [ready === undefined ? 'Unknown' : ready === 'True' ? 'Ready' : 'NotReady', ...(at(node, 'spec.unschedulable') === true ? ['SchedulingDisabled'] : [])].join(',');
}

function address(node: StoredObject, type: string): string {
  const list = (at(node, 'status.addresses') ?? []) as readonly { readonly type: string; readonly address: string }[];
  return list.find((one) => one.type === type)?.address ?? '<none>';
}

function requestStatus(csr: StoredObject): string {
  const conditions = (at(csr, 'status.conditions') ?? []) as readonly { readonly type: string }[];
  const has = (type: string): boolean => conditions.some((one) => one.type === type);
  const state = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${state}${has('Failed') ? ',Failed' : ''}${at(csr, 'status.certificate') === undefined ? '' : ',Issued'}`;
}

function data(object: StoredObject): number {
  return Object.keys((object.data ?? {}) as object).length;
}

const kinds: Readonly<Record<string, readonly Column[]>> = {
  '/Node': [
    column('Status', nodeStatus),
    column('Roles', roles),
    column('Version', (node) => text(node, 'status.nodeInfo.kubeletVersion')),
    column('Internal-IP', (node) => address(node, 'InternalIP'), 1),
    column('External-IP', (node) => address(node, 'ExternalIP'), 1),
    column('OS-Image', (node) => text(node, 'status.nodeInfo.osImage', '<unknown>'), 1),
    column('Kernel-Version', (node) => text(node, 'status.nodeInfo.kernelVersion', '<unknown>'), 1),
    column('Container-Runtime', (node) => text(node, 'status.nodeInfo.containerRuntimeVersion', '<unknown>'), 1),
  ],
  '/Pod': [
    column('Ready', (pod) => `${statuses(pod).filter(({ ready }) => ready === true).length}/${((at(pod, 'spec.containers') ?? []) as unknown[]).length}`),
    column('Status', podStatus),
    column('Restarts', (pod) => String(statuses(pod).reduce((sum, { restartCount }) => sum + (restartCount ?? 0), 0))),
    column('IP', (pod) => text(pod, 'status.podIP'), 1),
    column('Node', (pod) => text(pod, 'spec.nodeName'), 1),
  ],
  '/Namespace': [column('Status', (one) => text(one, 'status.phase', ''))],
  '/Secret': [column('Type', (one) => text(one, 'type', '')), column('Data', data)],
  '/ConfigMap': [column('Data', data)],
  'apps/Deployment': [
    column('Ready', (one) => `${text(one, 'status.readyReplicas', '0')}/${text(one, 'spec.replicas', '0')}`),
    column('Up-to-date', (one) => text(one, 'status.updatedReplicas', '0')),
    column('Available', (one) => text(one, 'status.availableReplicas', '0')),
  ],
  'apps/StatefulSet': [column('Ready', (one) => `${text(one, 'status.readyReplicas', '0')}/${text(one, 'spec.replicas', '0')}`)],
  'apps/DaemonSet': [
    column('Desired', (one) => text(one, 'status.desiredNumberScheduled', '0')),
    column('Current', (one) => text(one, 'status.currentNumberScheduled', '0')),
    column('Ready', (one) => text(one, 'status.numberReady', '0')),
    column('Up-to-date', (one) => text(one, 'status.updatedNumberScheduled', '0')),
    column('Available', (one) => text(one, 'status.numberAvailable', '0')),
  ],
  'coordination.k8s.io/Lease': [column('Holder', (one) => text(one, 'spec.holderIdentity', ''))],
  'certificates.k8s.io/CertificateSigningRequest': [
    column('SignerName', (one) => text(one, 'spec.signerName')),
    column('Requestor', (one) => text(one, 'spec.username', '')),
    column('RequestedDuration', (one) => text(one, 'spec.expirationSeconds')),
    column('Condition', requestStatus),
  ],
};

/** apimachinery pkg/util/duration HumanDuration. */
function since(timestamp: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(timestamp)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  return days < 730 ? `${days}d` : `${Math.floor(days / 365)}y${days % 365}d`;
}
