/** Everything that a kind could change on a cluster, read through the production adapters: files of all nodes and objects of the API. */

import { createHash } from 'node:crypto';
import type { Kube, KubeObject } from '../../src/ports/kube.js';
import type { Shells } from '../../src/ports/node-shell.js';
import { kindsWithCas } from '../../src/scan/objects/read-objects.js';
import type { Places } from './bench.js';

const roots = '/etc/kubernetes /var/lib/kubelet/pki /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env /var/lib/rotate-ca';

/** Owner and mode of each file, folder and link; hash of each file. */
const script = (places: string): string => `cd /
find ${places} -print0 2>/dev/null | sort -z | xargs -0 -r stat -c 'S %N	%a %u:%g %F'
find ${places} -type f -print0 2>/dev/null | sort -z | xargs -0 -r sha256sum | sed 's/^/H /'
true`;

const kinds = [
  ...kindsWithCas,
  { apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  { apiVersion: 'apps/v1', kind: 'StatefulSet' },
] as const;

/** Written by the API server at each change, whatever it was; a Secret that is made again has another uid. */
const ownOfApi = new Set(['resourceVersion', 'managedFields', 'generation', 'creationTimestamp', 'uid', 'selfLink']);

/** The run's folder on a node is its workshop: staged leaves stay there until its end. What the incoming CA leaves there does count. */
const workshop = /^\/var\/lib\/rotate-ca(\/[^/]+(\/(?!incoming-ca\.).*)?)?$/;

/** `notOurs`: places that programs of the cluster write all the time. `also`: more folders of nodes. */
export async function placesOf(world: {
  readonly nodes: readonly string[];
  readonly shells: Shells;
  readonly kube: Kube;
  readonly notOurs?: RegExp;
  readonly also?: readonly string[];
}): Promise<Places> {
  const [files, objects] = await Promise.all([
    Promise.all(world.nodes.map((node) => filesOf(world.shells, node, [roots, ...(world.also ?? [])].join(' ')))),
    Promise.all(kinds.map((kind) => world.kube.list(kind, { deadlineMs: 20_000 }).then((list) => list.map((object) => objectPlace(kind.kind, object))))),
  ]);
  return Object.fromEntries([...files.flat(), ...objects.flat()].filter(([place]) => world.notOurs?.test(place) !== true));
}

async function filesOf(shells: Shells, node: string, folders: string): Promise<[string, string][]> {
  const out = await shells.to(node).must(script(folders), { deadlineMs: 30_000 });
  const places = new Map<string, string>();
  for (const line of out.split('\n')) {
    const [, path = '', link = '', what = ''] = /^S '(.*?)'( -> '.*')?\t(.*)$/.exec(line) ?? [];
    if (path !== '' && !workshop.test(path)) places.set(`${node}:${path}`, `${what}${link}`);
    const [, hash = '', file = ''] = /^H ([0-9a-f]{64}) [ *](.*)$/.exec(line) ?? [];
    const place = `${node}:${file}`;
    if (places.has(place)) places.set(place, `${places.get(place)} ${hash}`);
  }
  return [...places];
}

function objectPlace(kind: string, object: KubeObject): [string, string] {
  const { status: _status, ...rest } = object;
  const metadata = Object.fromEntries(Object.entries(object.metadata).filter(([key]) => !ownOfApi.has(key)));
  const { namespace, name } = object.metadata;
  return [
    `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`,
    createHash('sha256')
      .update(JSON.stringify(sorted({ ...rest, metadata })))
      .digest('hex'),
  ];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}

/** The places that differ, in words; none if all is the same. */
export function differences(before: Places, now: Places): string[] {
  const places = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted();
  return places.filter((place) => before[place] !== now[place]).map((place) => `${place}: ${before[place] ?? 'not there'} -> ${now[place] ?? 'gone'}`);
}
