/** Reads which pods run, what they hold of certificates, and by which credential they call the API. */

import type { ObjectRecord, PodHolder } from '../../domain/cluster/inventory.js';
import type { CallOptions, Kube, KubeObject } from '../../ports/kube.js';
import { byText } from '../objects/order.js';

interface Named {
  readonly name?: string;
}

interface Volume {
  readonly configMap?: Named;
  readonly secret?: { readonly secretName?: string };
  readonly projected?: { readonly sources?: readonly { readonly configMap?: Named; readonly secret?: Named; readonly serviceAccountToken?: object }[] };
}

interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly volumeMounts?: readonly Named[];
  readonly env?: readonly { readonly valueFrom?: { readonly configMapKeyRef?: Named; readonly secretKeyRef?: Named } }[];
  readonly envFrom?: readonly { readonly configMapRef?: Named; readonly secretRef?: Named }[];
}

interface PodSpec {
  readonly nodeName?: string;
  readonly serviceAccountName?: string;
  readonly volumes?: readonly (Volume & Named)[];
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
}

interface PodStatus {
  readonly phase?: string;
  readonly startTime?: string;
  readonly podIPs?: readonly { readonly ip?: string }[];
  readonly containerStatuses?: readonly { readonly state?: { readonly running?: { readonly startedAt?: string } } }[];
}

export interface Holding {
  /** Objects of the cluster that hold certificates. */
  readonly objects: readonly ObjectRecord[];
  /** Secrets with a token, `NAMESPACE/NAME`. */
  readonly tokenSecrets: ReadonlySet<string>;
}

/** Running pods in the order of namespace and name. Throws what the port throws; without ReplicaSets their pods have them as owners. */
export async function readPods(kube: Kube, options: CallOptions, holding: Holding, collect: (kind: string, error: unknown) => undefined): Promise<PodHolder[]> {
  const [pods, sets] = await Promise.all([
    kube.list({ apiVersion: 'v1', kind: 'Pod' }, options),
    kube.list({ apiVersion: 'apps/v1', kind: 'ReplicaSet' }, options).catch((error: unknown) => collect('ReplicaSet', error)),
  ]);
  const makers = new Map((sets ?? []).map(({ metadata }) => [metadata.uid ?? '', ownerOf(metadata.ownerReferences)]));
  const withCertificates = new Set(holding.objects.map(({ kind, namespace, name }) => `${namespace}/${kind} ${name}`));
  return pods
    .flatMap((pod): PodHolder[] => {
      const spec = (pod.spec ?? {}) as PodSpec;
      const status = (pod.status ?? {}) as PodStatus;
      if (status.phase !== 'Running' || spec.nodeName === undefined) return [];
      const namespace = pod.metadata.namespace ?? '';
      const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
      const named = unique([...(spec.volumes ?? []).flatMap(sourcesOf), ...containers.flatMap(variablesOf)]);
      return [
        {
          namespace,
          name: pod.metadata.name,
          node: spec.nodeName,
          serviceAccount: spec.serviceAccountName ?? '',
          owner: madeBy(pod, makers),
          startedAtMs: startOf(status),
          addresses: (status.podIPs ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
          images: unique(containers.map(({ image = '' }) => image)),
          mounts: named.filter((one) => withCertificates.has(`${namespace}/${one}`)).toSorted(),
          token: tokenOf(spec, containers, named, (name) => holding.tokenSecrets.has(`${namespace}/${name}`)),
        },
      ];
    })
    .toSorted(byText(({ namespace, name }) => `${namespace}\0${name}`));
}

function ownerOf(references: KubeObject['metadata']['ownerReferences']): string {
  const owner = references?.find(({ controller }) => controller === true) ?? references?.[0];
  return owner === undefined ? '' : `${owner.kind}/${owner.name}`;
}

function madeBy({ metadata }: KubeObject, makers: ReadonlyMap<string, string>): string {
  const above = makers.get(metadata.ownerReferences?.find(({ kind }) => kind === 'ReplicaSet')?.uid ?? '') ?? '';
  return above === '' ? ownerOf(metadata.ownerReferences) : above;
}

function sourcesOf({ configMap, secret, projected }: Volume): string[] {
  const sources = [{ configMap, secret: { name: secret?.secretName } }, ...(projected?.sources ?? [])];
  return sources.flatMap((source) => [...reference('ConfigMap', source.configMap?.name), ...reference('Secret', source.secret?.name)]);
}

function variablesOf({ env = [], envFrom = [] }: Container): string[] {
  return [
    ...env.flatMap(({ valueFrom }) => [...reference('ConfigMap', valueFrom?.configMapKeyRef?.name), ...reference('Secret', valueFrom?.secretKeyRef?.name)]),
    ...envFrom.flatMap(({ configMapRef, secretRef }) => [...reference('ConfigMap', configMapRef?.name), ...reference('Secret', secretRef?.name)]),
  ];
}

function reference(kind: string, name: string | undefined): string[] {
  return name === undefined ? [] : [`${kind} ${name}`];
}

/** A volume that no container mounts gives nobody a credential. */
function tokenOf(spec: PodSpec, containers: readonly Container[], named: readonly string[], isToken: (secret: string) => boolean): PodHolder['token'] {
  const mounted = new Set(containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name)));
  const isBound = (spec.volumes ?? []).some(({ name, projected }) => mounted.has(name) && (projected?.sources ?? []).some((source) => source.serviceAccountToken !== undefined));
  if (isBound) return 'bound';
  return named.some((one) => one.startsWith('Secret ') && isToken(one.slice('Secret '.length))) ? 'legacy' : 'none';
}

/** Of the youngest container; of a pod whose containers do not run yet, its own. */
function startOf({ startTime, containerStatuses = [] }: PodStatus): number {
  const starts = containerStatuses.flatMap(({ state }) => (state?.running?.startedAt === undefined ? [] : [Date.parse(state.running.startedAt)]));
  const known = starts.length > 0 ? Math.max(...starts) : Date.parse(startTime ?? '');
  return Number.isFinite(known) ? known : 0;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
