/** Whether a world is as it was before the table: files of all nodes, trust in the API, processes. */

import { isReady, leaderOf, mustAllBeCalm } from './components.js';
import { extensionCas } from './trust.js';
import { until } from './until.js';
import { callMs, type World } from './world.js';

export interface Whole {
  /** `NODE PATH` to mode, owner and hash. */
  readonly files: ReadonlyMap<string, string>;
  readonly extensionCas: readonly string[];
}

/** Not what a kubelet or kubeadm changes by itself. */
const list = `for f in $(find /etc/kubernetes /var/lib/kubelet/pki -type f ! -name 'kubelet-client-2*' | sort); do echo "$(stat -c '%a %u:%g' "$f") $(sha256sum < "$f" | cut -c1-16) $f"; done
for l in $(find /var/lib/kubelet/pki -type l); do echo "link $(readlink "$l") $l"; done`;

export async function wholeOf(world: World): Promise<Whole> {
  const files = new Map<string, string>();
  for (const { name } of world.nodes) {
    for (const line of (await world.shell(name).must(list, { deadlineMs: callMs })).trim().split('\n')) {
      const path = line.slice(line.lastIndexOf(' ') + 1);
      files.set(`${name} ${path}`, line);
    }
  }
  return { files, extensionCas: await extensionCas(world) };
}

/** In words; empty if nothing is another than before and everything runs. */
export async function troublesIn(world: World, before: Whole): Promise<string[]> {
  for (const component of ['kube-controller-manager', 'kube-scheduler'] as const) {
    await mustAllBeCalm(world, component);
    await leaderOf(world, component);
  }
  const now = await wholeOf(world);
  const keys = new Set([...before.files.keys(), ...now.files.keys()]);
  const files = [...keys]
    .filter((key) => before.files.get(key) !== now.files.get(key))
    .map((key) => `${key}: ${before.files.get(key) ?? 'not there'} -> ${now.files.get(key) ?? 'not there'}`);
  const ready = await Promise.all(
    world.nodes.map(({ name }) =>
      until(
        world,
        60_000,
        () => isReady(world, name),
        (is) => is,
      ),
    ),
  );
  const notReady = world.nodes.filter((_, i) => ready[i] !== true).map(({ name }) => `${name} is not Ready`);
  const namespaces = await until(
    world,
    60_000,
    () => scratchNamespaces(world),
    (left) => left.length === 0,
  );
  const trust = now.extensionCas.join() === before.extensionCas.join() ? [] : ['extension servers trust other CAs than before'];
  return [...files, ...notReady, ...namespaces.map((name) => `namespace ${name} is still there`), ...trust];
}

async function scratchNamespaces(world: World): Promise<string[]> {
  const all = await world.kube.list({ apiVersion: 'v1', kind: 'Namespace' }, { deadlineMs: callMs });
  return all.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('fidelity-'));
}
