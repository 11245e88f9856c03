/** Processes of the control plane and kubelets: who runs since when, restarts by manifest, and when all is calm again. */

import { withAnnotation } from '../../src/domain/cluster/manifest.js';
import { readLease } from '../../src/operations/leases.js';
import { findProcesses, type Process } from '../../src/operations/processes.js';
import type { Undo } from './behaviour.js';
import { textOf, writeAgain } from './node-files.js';
import { mustBecome } from './until.js';
import { callMs, controlPlanes, type World } from './world.js';

export type Component = 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'etcd';

export function manifestOf(component: Component): string {
  return `/etc/kubernetes/manifests/${component}.yaml`;
}

export function processesOf(world: World, node: string, name: string, files: readonly string[] = []): Promise<readonly Process[]> {
  return findProcesses(world.shell(node), name, files, { deadlineMs: callMs });
}

/** The pid, or 0 while there is not exactly one. */
export async function pidOf(world: World, node: string, name: string): Promise<number> {
  const found = await processesOf(world, node, name);
  return found.length === 1 ? (found[0]?.pid ?? 0) : 0;
}

const annotation = 'fidelity/generation';

/**
 * Gives a way to restart a component by an annotation of its manifest. Put back, the manifest restarts it once more, after everything
 * that is put back before.
 */
export async function restarterOf(world: World, undo: Undo, node: string, component: Component): Promise<() => Promise<void>> {
  const at = { node, path: manifestOf(component) };
  const before = await textOf(world, node, at.path);
  undo.add(`${component} on ${node} runs its manifest of before`, async () => {
    if ((await textOf(world, node, at.path)) === before) return;
    await writeAnnotated(before);
  });
  async function writeAnnotated(text: string): Promise<void> {
    const pid = await pidOf(world, node, component);
    await writeAgain(world, at, text);
    await mustBecome(
      world,
      `${component} on ${node} is restarted`,
      120_000,
      () => pidOf(world, node, component),
      (now) => now !== 0 && now !== pid,
    );
    await mustBeCalm(world, node, component);
  }
  return () => writeAgain(world, at, withAnnotation(before, annotation, `${Date.now()}`));
}

const ports: Record<Component, number> = { 'kube-apiserver': 6443, 'kube-controller-manager': 10257, 'kube-scheduler': 10259, etcd: 2379 };

/** One process that listens. */
export async function mustBeCalm(world: World, node: string, component: Component): Promise<Process> {
  const found = await mustBecome(
    world,
    `${component} on ${node} serves`,
    120_000,
    () => processesOf(world, node, component),
    (all) => all.length === 1 && all[0]?.listening.has(ports[component]) === true,
  );
  const [process] = found;
  if (process === undefined) throw new Error('no process');
  return process;
}

export async function leaderOf(world: World, component: 'kube-controller-manager' | 'kube-scheduler'): Promise<{ holder: string; node: string; renewedAtMs: number }> {
  const lease = await readLease(world.kube, component, { deadlineMs: callMs });
  return { holder: lease?.holder ?? '', node: lease?.node ?? '', renewedAtMs: lease?.renewedAtMs ?? 0 };
}

/** Somebody leads whose process is there, and renews. */
export async function mustBeLed(world: World, component: 'kube-controller-manager' | 'kube-scheduler'): Promise<string> {
  const first = await leaderOf(world, component);
  const led = await mustBecome(
    world,
    `${component} has a leader`,
    60_000,
    () => leaderOf(world, component),
    (now) => now.holder !== '' && now.renewedAtMs > first.renewedAtMs,
  );
  return led.node;
}

/** Every instance runs once, and one of them leads. */
export async function mustAllBeCalm(world: World, component: 'kube-controller-manager' | 'kube-scheduler'): Promise<void> {
  await Promise.all(controlPlanes(world).map(({ name }) => mustBeCalm(world, name, component)));
  await mustBeLed(world, component);
}

/** Status of a node's condition Ready: "True", "False", "Unknown". */
export async function readiness(world: World, node: string): Promise<string> {
  const object = await world.kube.read({ apiVersion: 'v1', kind: 'Node', name: node }, { deadlineMs: callMs });
  const conditions = (object?.status as { conditions?: { type: string; status: string }[] } | undefined)?.conditions ?? [];
  return conditions.find(({ type }) => type === 'Ready')?.status ?? '';
}

export async function isReady(world: World, node: string): Promise<boolean> {
  return (await readiness(world, node)) === 'True';
}

export async function nodeLeaseRenewedAtMs(world: World, node: string): Promise<number> {
  return (await readLease(world.kube, node, { deadlineMs: callMs, namespace: 'kube-node-lease' }))?.renewedAtMs ?? 0;
}

/** The kubelet runs and renews its lease; the node is Ready. */
export async function mustRenew(world: World, node: string): Promise<void> {
  const from = await nodeLeaseRenewedAtMs(world, node);
  await mustBecome(
    world,
    `the kubelet of ${node} renews its lease`,
    90_000,
    () => nodeLeaseRenewedAtMs(world, node),
    (now) => now > from,
  );
  await mustBecome(
    world,
    `${node} is Ready`,
    60_000,
    () => isReady(world, node),
    (ready) => ready,
  );
}
