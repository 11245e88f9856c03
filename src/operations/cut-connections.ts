/** Connections from outside that a roll of pods cuts: websockets and downloads that go through them end, and clients must connect again. */

import type { KubeObject } from '../ports/kube.js';
import type { Site } from '../ports/step-kind.js';
import { limitsOf } from './waiting.js';

interface ServiceSpec {
  readonly type?: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly port: number; readonly nodePort?: number }[];
}

interface PodSpec {
  readonly volumes?: readonly {
    readonly secret?: { readonly secretName?: string };
    readonly projected?: { readonly sources?: readonly { readonly serviceAccountToken?: unknown }[] };
  }[];
  readonly containers?: readonly { readonly ports?: readonly { readonly hostPort?: number }[] }[];
}

/** One line for each way in from outside whose pods live on a token, and therefore are rolled: Services of type NodePort and LoadBalancer, host ports. */
export async function cutConnections(site: Site): Promise<string[]> {
  const call = limitsOf(site, 20_000);
  const kube = site.access.kube();
  const [services, pods] = await Promise.all([kube.list({ apiVersion: 'v1', kind: 'Service' }, call), kube.list({ apiVersion: 'v1', kind: 'Pod' }, call)]);
  const holders = pods.filter(({ spec }) => holdsToken((spec ?? {}) as PodSpec));
  const ofServices = services.flatMap((service) => {
    const { type = 'ClusterIP', selector, ports = [] } = (service.spec ?? {}) as ServiceSpec;
    const behind = type === 'ClusterIP' || selector === undefined ? [] : holders.filter((pod) => pod.metadata.namespace === service.metadata.namespace && matches(pod, selector));
    if (behind.length === 0) return [];
    const at = ports.map(({ port, nodePort }) => `${nodePort ?? port}`).join(', ');
    return [
      `the roll cuts connections through Service ${service.metadata.namespace ?? ''}/${service.metadata.name} (${type}, port ${at}; ${behind.length} pods): websockets must connect again`,
    ];
  });
  const onHosts = holders.filter(({ spec }) => ((spec ?? {}) as PodSpec).containers?.some(({ ports }) => ports?.some(({ hostPort }) => hostPort !== undefined)));
  return [...ofServices, ...onHosts.map(({ metadata }) => `the roll cuts connections to host ports of pod ${metadata.namespace ?? ''}/${metadata.name}`)];
}

function holdsToken({ volumes = [] }: PodSpec): boolean {
  return volumes.some(({ secret, projected }) => secret !== undefined || projected?.sources?.some((source) => source.serviceAccountToken !== undefined) === true);
}

function matches({ metadata }: KubeObject, selector: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value);
}
