/** Components that systemd runs: restarting them, and the proof that they run with what is on disk. */

import type { ComponentName, ComponentRecord, NodeRecord } from '../domain/cluster/inventory.js';
import { fail, failure, type Failure } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import { materialFor, pathsOn } from './incoming-files.js';
import { nodeOf } from './identity-probe.js';
import { lookAt, type Process } from './processes.js';
import { type Answer, limitsOf, waitFor } from './waiting.js';

export const unitComponents = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'flanneld',
] as const satisfies readonly ComponentName[];

/** Ports on which a component listens once it serves; where a flag says otherwise, that one. 0: none that is always there. */
const ports: Readonly<Record<ComponentName, readonly [flag: string, port: number]>> = {
  etcd: ['', 2379],
  'kube-apiserver': ['secure-port', 6443],
  'kube-controller-manager': ['secure-port', 10257],
  'kube-scheduler': ['secure-port', 10259],
  kubelet: ['port', 10250],
  'kube-proxy': ['', 0],
  flanneld: ['', 0],
};

export function hasUnit(node: NodeRecord, component: ComponentName): boolean {
  return node.components.some(({ name, unit }) => name === component && unit !== undefined);
}

/** Throws layout-unsupported where the node has no such unit. */
export function unitOf(site: Pick<Site, 'inventory' | 'target'>, component: ComponentName): ComponentRecord & { readonly unit: NonNullable<ComponentRecord['unit']> } {
  const found = nodeOf(site).components.find(({ name, unit }) => name === component && unit !== undefined);
  if (found?.unit !== undefined) return { ...found, unit: found.unit };
  return fail('layout-unsupported', {
    target: site.target,
    summary: `${component} is no systemd unit on ${site.target}`,
    cause: 'the plan was made when it was',
    nextAction: 'Make a new plan.',
  });
}

/** Why the unit does not run with what is on disk; true if it does: one process, younger than every file that a cutover writes, and its port listening. */
export async function runsWithDisk(site: Site, component: ComponentName): Promise<{ readonly answer: Answer; readonly process: Process | undefined }> {
  const { flags } = unitOf(site, component);
  const files = pathsOn(materialFor(site.inventory), site.target);
  const { processes } = await lookAt(site.shell, component, { files }, limitsOf(site, 20_000));
  const [process, ...others] = processes;
  if (process === undefined) return { answer: `${component} is not running`, process };
  if (others.length > 0) return { answer: `${component} runs ${processes.length} times`, process };
  const earlier = [...process.changedAtMs].find(([, at]) => process.startedAtMs <= at);
  if (earlier !== undefined) return { answer: `${component} started before ${earlier[0]} was written`, process };
  const [flag, port] = ports[component];
  const own = Number(flags[flag] ?? port);
  if (own !== 0 && !process.listening.has(own)) return { answer: `${component} does not listen on ${own} yet`, process };
  return { answer: true, process };
}

/** Restarts the unit unless it runs with what is on disk already: a second time is nothing. */
export async function restartUnit(site: Site, component: ComponentName): Promise<void> {
  const { unit } = unitOf(site, component);
  if ((await runsWithDisk(site, component)).answer === true) return;
  await site.shell.must(`${killFirst(component, unit.name)}systemctl restart '${unit.name}'`, limitsOf(site, 120_000));
}

/** Ends the unit until it is started again. */
export async function stopUnit(site: Site, component: ComponentName): Promise<void> {
  const { unit } = unitOf(site, component);
  await site.shell.must(`${killFirst(component, unit.name)}systemctl stop '${unit.name}'`, limitsOf(site, 120_000));
}

/**
 * An API server whose etcd is gone waits for every request that hangs there before it ends: more than a minute (genericapiserver.go, ShutdownTimeout).
 * It has nothing in memory that could be lost.
 */
function killFirst(component: ComponentName, unit: string): string {
  return component === 'kube-apiserver' ? `systemctl kill -s KILL '${unit}' 2>/dev/null || true\n` : '';
}

/** The failure that a unit which was to be stopped is active. */
export async function stillRuns(site: Site, component: ComponentName): Promise<Failure[]> {
  if (!(await isActive(site, component))) return [];
  return [
    failure('component-not-restarted', {
      target: site.target,
      summary: `${component} still runs`,
      cause: 'something has started it again',
      nextAction: `Look at "systemctl status ${unitOf(site, component).unit.name}", then run "rotate-ca resume".`,
    }),
  ];
}

/** A process that has lived so long with its port open has come through its start. */
const settledMs = 3_000;

/** Waits until it runs with what is on disk, in two looks that see the same process or in one that sees one which has run for a while, and `proof` says so too. */
export async function waitForUnit(site: Site, component: ComponentName, proof: (process: Process) => Promise<Answer> = () => Promise.resolve(true)): Promise<Failure[]> {
  const { unit } = unitOf(site, component);
  let before: number | undefined;
  return waitFor(
    site,
    {
      what: `${component} on ${site.target} runs with what is on disk`,
      rule: 'R: trust pools and keys of tokens are read at start',
      everyMs: 500,
      otherwise: { code: 'component-not-restarted', nextAction: `Look at "journalctl -u ${unit.name}" on ${site.target}, then run "rotate-ca resume".` },
    },
    async () => {
      const { answer, process } = await runsWithDisk(site, component);
      const isSame = process !== undefined && process.pid === before;
      before = answer === true ? process?.pid : undefined;
      if (answer !== true || process === undefined) return answer;
      if (!isSame && process.ageMs < settledMs) return `${component} has only just come up`;
      return proof(process);
    },
  );
}

export async function isActive(site: Site, component: ComponentName): Promise<boolean> {
  const { unit } = unitOf(site, component);
  return (await site.shell.run(`systemctl is-active --quiet '${unit.name}'`, limitsOf(site, 20_000))).exitCode === 0;
}
