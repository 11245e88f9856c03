/** Components that systemd runs, or a kubelet on the host's network: restarting them, and the proof that they run with what is on disk. */

import { type ComponentName, type ComponentRecord, type NodeRecord, podOf, type PodRecord, type UnitRecord } from '../domain/cluster/inventory.js';
import { fail, failure, type Failure } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import { materialFor, pathsOn } from './incoming-files.js';
import { bringPod, endPod, endProcesses, isPodThere } from './host-pods.js';
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

/** By what it is started and ended. */
type Runner = { readonly unit: UnitRecord } | { readonly pod: PodRecord };

function runnerIn(component: ComponentRecord): Runner | undefined {
  if (component.unit !== undefined) return { unit: component.unit };
  const pod = podOf(component);
  return pod === undefined ? undefined : { pod };
}

/** Whether the node has it, as a unit or in a pod; `stopped`: in a way that lets it be kept so. */
export function hasUnit(node: NodeRecord, component: ComponentName, wanted: 'restarted' | 'stopped' = 'restarted'): boolean {
  const runner = node.components.filter(({ name }) => name === component).map(runnerIn)[0];
  return runner !== undefined && (wanted === 'restarted' || 'unit' in runner || runner.pod.manifest !== undefined);
}

/** Throws layout-unsupported where the node has no such unit and no such pod. */
export function unitOf(site: Pick<Site, 'inventory' | 'target'>, component: ComponentName): Pick<ComponentRecord, 'flags'> & Runner {
  const found = nodeOf(site).components.find(({ name }) => name === component);
  const runner = found === undefined ? undefined : runnerIn(found);
  if (found !== undefined && runner !== undefined) return { flags: found.flags, ...runner };
  return fail('layout-unsupported', {
    target: site.target,
    summary: `${component} is neither a systemd unit nor a pod on the host's network of ${site.target}`,
    cause: 'the plan was made when it was',
    nextAction: 'Make a new plan.',
  });
}

interface Seen {
  readonly answer: Answer;
  readonly process: Process | undefined;
  /** Those that started before a file was written. */
  readonly outdated: readonly Process[];
}

/**
 * Why it does not run with what is on disk; true if it does: one process, younger than every file that a cutover writes, which sees the
 * same files as the node, and its port listening.
 */
export async function runsWithDisk(site: Site, component: ComponentName): Promise<Seen> {
  const { flags, ...runner } = unitOf(site, component);
  const files = pathsOn(materialFor(site.inventory), site.target);
  const { processes } = await lookAt(site.shell, component, { files }, limitsOf(site, 20_000));
  const [flag, port] = ports[component];
  const answer = whatIsAmiss(component, processes, { inPod: 'pod' in runner, port: Number(flags[flag] ?? port) });
  return { answer, process: processes[0], outdated: processes.filter((one) => writtenSince(one) !== undefined) };
}

/** Pure; exported for its test. A port of 0: none that is always there. */
export function whatIsAmiss(component: string, [process, ...others]: readonly Process[], { inPod, port }: { readonly inPod: boolean; readonly port: number }): Answer {
  if (process === undefined) return `${component} is not running`;
  if (others.length > 0) return `${component} runs ${others.length + 1} times`;
  const written = writtenSince(process);
  if (written !== undefined) return `${component} started before ${written} was written`;
  const other = inPod ? [...process.mounted].find(([path, sha256]) => sha256 !== process.onDisk.get(path)) : undefined;
  if (other !== undefined) return `${component} sees another ${other[0]} than the node`;
  if (port !== 0 && !process.listening.has(port)) return `${component} does not listen on ${port} yet`;
  return true;
}

function writtenSince({ changedAtMs, startedAtMs }: Process): string | undefined {
  return [...changedAtMs].find(([, at]) => startedAtMs <= at)?.[0];
}

/**
 * Restarts it unless it runs with what is on disk already: a second time is nothing. A pod's process is ended once, and never one that is
 * young enough: its kubelet waits the longer the more often it ends.
 */
export async function restartUnit(site: Site, component: ComponentName): Promise<void> {
  const { answer, outdated } = await runsWithDisk(site, component);
  if (answer === true) return;
  const runner = unitOf(site, component);
  if ('pod' in runner) {
    if (runner.pod.manifest !== undefined) await bringPod(site, runner.pod.manifest);
    return endProcesses(site, component, outdated);
  }
  const { unit } = runner;
  await site.shell.must(`${killFirst(component, unit.name)}systemctl restart '${unit.name}'`, limitsOf(site, 120_000));
}

/** Starts what was stopped. */
export async function startUnit(site: Site, component: ComponentName): Promise<void> {
  const runner = unitOf(site, component);
  if ('unit' in runner) await site.shell.must(`systemctl start '${runner.unit.name}'`, limitsOf(site, 120_000));
  else if (runner.pod.manifest !== undefined) await bringPod(site, runner.pod.manifest);
}

/** Ends it until it is started again. */
export async function stopUnit(site: Site, component: ComponentName): Promise<void> {
  const runner = unitOf(site, component);
  if ('pod' in runner) return endPod(site, component, runner.pod);
  const { unit } = runner;
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
      nextAction: `Look at ${whereToLook(unitOf(site, component))} on ${site.target}, then run "rotate-ca resume".`,
    }),
  ];
}

function whereToLook(runner: Runner): string {
  return 'unit' in runner ? `"journalctl -u ${runner.unit.name}"` : '"journalctl -u kubelet" and /var/log/pods';
}

/** A process that has lived so long with its port open has come through its start. */
const settledMs = 3_000;

/** Waits until it runs with what is on disk, in two looks that see the same process or in one that sees one which has run for a while, and `proof` says so too. */
export async function waitForUnit(site: Site, component: ComponentName, proof: (process: Process) => Promise<Answer> = () => Promise.resolve(true)): Promise<Failure[]> {
  const look = whereToLook(unitOf(site, component));
  let before: number | undefined;
  return waitFor(
    site,
    {
      what: `${component} on ${site.target} runs with what is on disk`,
      rule: 'R: trust pools and keys of tokens are read at start',
      everyMs: 500,
      otherwise: { code: 'component-not-restarted', nextAction: `Look at ${look} on ${site.target}, then run "rotate-ca resume".` },
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
  const runner = unitOf(site, component);
  if ('pod' in runner) return isPodThere(site, component, runner.pod);
  return (await site.shell.run(`systemctl is-active --quiet '${runner.unit.name}'`, limitsOf(site, 20_000))).exitCode === 0;
}
