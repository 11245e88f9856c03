/** API servers of a cluster, and to which of them a client goes. */

import type { NodeRecord } from '../cluster/inventory.js';
import { partnerOf } from '../cluster/material.js';
import type { InputId, ProcessId } from './graph.js';
import type { Draft } from './graph-draft.js';
import { storeFile, withKey } from './graph-draft.js';
import { componentId } from './names.js';
import { ruleOf } from './read-rules.js';

export interface ApiServer {
  readonly process: ProcessId;
  readonly node: NodeRecord;
  readonly flags: Readonly<Record<string, string>>;
  readonly version: string;
  /** What it presents, and what it verifies client certificates with. */
  readonly serving: InputId;
  readonly clientCa: InputId;
}

export function apiServers(draft: Draft): ApiServer[] {
  return draft.inventory.nodes.flatMap((node): ApiServer[] => {
    const component = node.components.find(({ name }) => name === 'kube-apiserver');
    if (component === undefined) return [];
    const { flags } = component;
    const version = component.version || draft.inventory.cluster.version;
    const process = draft.process({ id: componentId('kube-apiserver', node.name), kind: 'component', node: node.name, version, ...startOf(component) });
    const read = (flag: string, holds: 'trust' | 'leaf'): InputId =>
      draft.input(process, flag, {
        place: storeFile(draft, node, flags[flag] ?? ''),
        ...ruleOf('kube-apiserver', flag, version),
        holds,
        ...(holds === 'leaf' ? withKey(draft, node, flags[partnerOf(flag)]) : {}),
      });
    const serving = read('tls-cert-file', 'leaf');
    const presented = component.presents?.[flags['secure-port'] ?? '6443'];
    const stored = node.files.find(({ path }) => path === flags['tls-cert-file'])?.certificates.map((c) => c.fingerprint);
    if (presented !== undefined && stored !== undefined && presented !== stored[0]) draft.loads(serving, [presented]);
    return [{ process, node, flags, version, serving, clientCa: read('client-ca-file', 'trust') }];
  });
}

export function startOf({ startedAtMs }: { readonly startedAtMs?: number }): { readonly startedAtMs?: number } {
  return startedAtMs === undefined ? {} : { startedAtMs };
}

/** Thousands of pods ask for one URL. */
const behind = new WeakMap<readonly ApiServer[], Map<string, ReturnType<typeof lookBehind>>>();

/** The one whose address is in the URL; behind any other address (a load balancer, a name) may be each of them. */
export function serversBehind(servers: readonly ApiServer[], url: string): ReturnType<typeof lookBehind> {
  const known = behind.get(servers) ?? new Map<string, ReturnType<typeof lookBehind>>();
  behind.set(servers, known);
  const found = known.get(url) ?? lookBehind(servers, url);
  known.set(url, found);
  return found;
}

function lookBehind(servers: readonly ApiServer[], url: string): { readonly servers: readonly ApiServer[]; readonly name: string } {
  const name = hostOf(url);
  const one = servers.filter(({ node }) => node.internalIp === name);
  return { servers: one.length > 0 ? one : servers, name };
}

/** The host of a URL, without brackets. Empty if it is none. */
export function hostOf(url: string): string {
  try {
    return new URL(url).hostname.replace(/^\[|\]$/g, '');
  } catch {
    return '';
  }
}

/** The first address of the range of Services, at which pods find the API (k/k pkg/controlplane/apiserver, GetIndexedIP 1). */
export function serviceAddress(servers: readonly ApiServer[]): string | undefined {
  const [address = ''] = (servers[0]?.flags['service-cluster-ip-range'] ?? '').split(',')[0]?.split('/') ?? [];
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part))) return undefined;
  const value = parts.reduce((sum, part) => sum * 256 + part, 0) + 1;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
