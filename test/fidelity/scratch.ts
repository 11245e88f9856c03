/** Things of one behaviour in the cluster: a namespace that goes with all that is in it. */

import { randomBytes } from 'node:crypto';
import type { KubeObject, ObjectRef } from '../../src/ports/kube.js';
import type { Undo } from './behaviour.js';
import { mustBecome } from './until.js';
import { callMs, type World } from './world.js';

export function uniqueName(prefix = 'fidelity'): string {
  return `${prefix}-${randomBytes(3).toString('hex')}`;
}

export async function scratchNamespace(world: World, undo: Undo): Promise<string> {
  const name = uniqueName();
  undo.add(`namespace ${name} is removed`, () => world.kube.remove({ apiVersion: 'v1', kind: 'Namespace', name }, { deadlineMs: callMs }));
  await world.kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, { deadlineMs: callMs });
  // Pods and token Secrets need its account.
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', namespace: name, name: 'default' };
  await mustBecome(
    world,
    'the namespace has its account',
    20_000,
    () => world.kube.read(account, { deadlineMs: callMs }),
    (found) => found !== undefined,
  );
  return name;
}

export function podTemplate({ idleImage: image }: Pick<World, 'idleImage'>, labels: Readonly<Record<string, string>>): Record<string, unknown> {
  const resources = { requests: { cpu: '1m', memory: '4Mi' } };
  return { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'idle', image, imagePullPolicy: 'IfNotPresent', resources }] } };
}

export async function deployment(world: World, namespace: string, replicas: number): Promise<ObjectRef> {
  const labels = { app: 'idle' };
  const object: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'idle', namespace },
    spec: { replicas, selector: { matchLabels: labels }, template: podTemplate(world, labels) },
  };
  await world.kube.create(object, { deadlineMs: callMs });
  const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'idle' };
  await mustBecome(
    world,
    'the pods are ready',
    90_000,
    () => statusOf(world, ref),
    ({ readyReplicas }) => readyReplicas === replicas,
  );
  return ref;
}

export async function statusOf(world: World, ref: ObjectRef): Promise<Readonly<Record<string, unknown>>> {
  return ((await world.kube.read(ref, { deadlineMs: callMs }))?.status ?? {}) as Record<string, unknown>;
}

/** Pods that are not on their way out. */
export async function podsIn(world: World, namespace: string): Promise<KubeObject[]> {
  const all = await world.kube.list({ apiVersion: 'v1', kind: 'Pod', namespace }, { deadlineMs: callMs });
  return all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** A legacy token Secret of the account `default`, filled in by the token controller. */
export async function tokenSecret(world: World, namespace: string, more: Readonly<Record<string, unknown>> = {}): Promise<ObjectRef> {
  const ref = { apiVersion: 'v1', kind: 'Secret', namespace, name: uniqueName('token') };
  await world.kube.create(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: ref.name, namespace, annotations: { 'kubernetes.io/service-account.name': 'default' } },
      type: 'kubernetes.io/service-account-token',
      ...more,
    },
    { deadlineMs: callMs },
  );
  await mustBecome(
    world,
    'the Secret has its token',
    20_000,
    () => dataOf(world, ref),
    ({ token }) => token !== undefined && token !== '',
  );
  return ref;
}

/** Data of a Secret or ConfigMap as it is stored: base64 in a Secret. */
export async function dataOf(world: World, ref: ObjectRef): Promise<Readonly<Record<string, string>>> {
  return ((await world.kube.read(ref, { deadlineMs: callMs }))?.data ?? {}) as Record<string, string>;
}

export function decoded(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}
