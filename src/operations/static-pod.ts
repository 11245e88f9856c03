/** Static pods of the control plane: what must hold before one counts as restarted with what is on disk. */

import { readFlags } from '../domain/cluster/manifest.js';
import { failure, type Failure } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import { textOf } from './node-files.js';
import { findProcesses, flagOf, lookAt, type Process } from './processes.js';
import { paths } from './run-files.js';
import { type Answer, limitsOf, waitFor } from './waiting.js';

export type Component = 'kube-controller-manager' | 'kube-scheduler' | 'etcd' | 'kube-apiserver';

/** Ports on which a component listens once it serves (kubeadm: controlplane/manifests.go, etcd/local.go). */
const ports: Record<Component, number> = { 'kube-controller-manager': 10257, 'kube-scheduler': 10259, etcd: 2379, 'kube-apiserver': 6443 };

export function manifestPath(component: Component): string {
  return `${paths.manifests}/${component}.yaml`;
}

/**
 * Why the running process is not yet the one that the disk asks for; true if it is.
 * Asked of the process itself: one instance, started after the last change of manifest and files (start-up reads are policy R),
 * the manifest's flags on its command line, the files as it sees them through its own mounts (a single-file hostPath mount
 * keeps the old inode until the container is made anew: kubeadm controlplane/volumes.go), and its port listening.
 */
export function runsWhatIsOnDisk(component: Component, seen: { processes: readonly Process[]; manifest: string; files: readonly string[] }): Answer {
  const [process, ...others] = seen.processes;
  if (process === undefined) return `${component} is not running`;
  if (others.length > 0) return `${component} runs ${seen.processes.length} times: the one before has not ended`;
  for (const [flag, value] of Object.entries(readFlags(seen.manifest))) {
    if (flagOf(process, flag) !== value) return `${component} runs with --${flag}=${flagOf(process, flag) ?? ''}, not ${value}`;
  }
  for (const [path, at] of process.changedAtMs) {
    // What it keeps from before was read at its start, whenever the path got another file; whether it is the same content is asked below.
    if (process.startedAtMs <= at && !process.kept.has(path)) return `${component} started before ${path} was written`;
  }
  for (const path of seen.files) {
    const sha256 = process.onDisk.get(path);
    if (sha256 !== undefined && process.mounted.get(path) !== sha256) return `${component} sees another ${path} than the node`;
  }
  if (!process.listening.has(ports[component])) return `${component} does not listen on ${ports[component]} yet`;
  return true;
}

/** Looks at processes, manifest and files of a node at once and asks runsWhatIsOnDisk. `files`: what the component reads at its start. */
export async function askComponent(site: Site, component: Component, files: readonly string[]): Promise<Answer> {
  return (await lookAtComponent(site, component, files)).answer;
}

async function lookAtComponent(site: Site, component: Component, files: readonly string[]): Promise<{ answer: Answer; process: Process | undefined }> {
  const manifest = manifestPath(component);
  const { processes, text } = await lookAt(site.shell, component, { files: [manifest, ...files], text: manifest }, limitsOf(site, 20_000));
  const answer = text === undefined ? `${manifest} is missing` : runsWhatIsOnDisk(component, { processes, manifest: text, files });
  return { answer, process: processes[0] };
}

/** A process that has lived so long with its port open has come through its start. */
const settledMs = 5000;

/**
 * Waits until a component runs what is on disk: in two looks that see the same process, or in one that sees a process which has run for a
 * while; a crash loop does not pass. `onProof` gets the process.
 */
export async function waitForComponent(site: Site, component: Component, files: readonly string[], onProof: (process: Process) => void = () => undefined): Promise<Failure[]> {
  let before: number | undefined;
  return waitFor(
    site,
    {
      what: `${component} on ${site.target} runs what is on disk`,
      rule: 'R: read at start; the kubelet replaces a static pod when its manifest changes',
      everyMs: 1000,
      otherwise: { code: 'component-not-restarted', nextAction: `Look at "journalctl -u kubelet" and /var/log/pods on ${site.target}, then run "rotate-ca resume".` },
    },
    async () => {
      const { answer, process } = await lookAtComponent(site, component, files);
      const isSame = process !== undefined && process.pid === before;
      before = answer === true ? process?.pid : undefined;
      if (answer !== true || process === undefined) return answer;
      if (!isSame && process.ageMs < settledMs) return `${component} has only just come up`;
      onProof(process);
      return true;
    },
  );
}

/** Ends a component that still runs with other content of a file than the disk has, although its manifest is unchanged: the kubelet makes its container anew, with fresh mounts. */
export async function endIfItHoldsAnother(site: Site, component: Component, file: string): Promise<void> {
  const limits = limitsOf(site, 20_000);
  const [process] = await findProcesses(site.shell, component, [file], limits);
  const mounted = process?.mounted.get(file);
  const onDisk = process?.onDisk.get(file);
  if (process === undefined || onDisk === undefined || mounted === undefined || mounted === onDisk) return;
  site.tell(`${component} on ${site.target} holds another ${file} than the disk: it is ended, and the kubelet makes it anew`);
  await site.shell.must(`kill -TERM ${process.pid} 2>/dev/null; true`, limits);
}

/** The manifest of a component, or the failure that it is not there: not a kubeadm control plane. */
export async function readManifest(site: Site, component: Component): Promise<string | Failure> {
  return textOf(await site.shell.readFile(manifestPath(component), limitsOf(site, 20_000))) ?? missingManifest(site, component);
}

export function missingManifest(site: Site, component: Component): Failure {
  return failure('layout-unsupported', {
    target: site.target,
    summary: `${manifestPath(component)} is missing`,
    cause: 'the component is not a static pod of kubeadm',
    nextAction: 'This playbook is for kubeadm control planes.',
  });
}
