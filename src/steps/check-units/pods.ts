/** Would the kubelet start a component of the control plane as it runs now, and can it be stopped as a cutover needs it? */

import { type ComponentRecord, podOf } from '../../domain/cluster/inventory.js';
import { readManifest } from '../../domain/cluster/manifest.js';
import { failure, type Failure, failuresOf } from '../../domain/errors.js';
import { nodeOf } from '../../operations/identity-probe.js';
import { textOf } from '../../operations/node-files.js';
import { findProcesses, type Process } from '../../operations/processes.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Site } from '../../ports/step-kind.js';

export async function podDifferences(site: Site, component: ComponentRecord): Promise<Failure[]> {
  const { name, flags } = component;
  const manifest = podOf(component)?.manifest;
  const known = new Set(nodeOf(site).files.map(({ path }) => path));
  const files = Object.values(flags)
    .flatMap((value) => value.split(','))
    .filter((value) => known.has(value));
  const processes = await findProcesses(site.shell, name, files, limitsOf(site, 30_000));
  const failures = processes.flatMap((process) => otherFiles(process).map((path) => mountedElsewhere(site, name, path)));
  if (manifest !== undefined) return [...failures, ...(await ofManifest(site, component, manifest))];
  // The others are only ever restarted, which ending the process does.
  return name === 'kube-controller-manager' ? [...failures, cannotBeStopped(site)] : failures;
}

/** Of the files that flags name, those that the process sees as something else than the node does. */
export function otherFiles({ mounted, onDisk }: Pick<Process, 'mounted' | 'onDisk'>): string[] {
  return [...mounted].filter(([path, sha256]) => onDisk.get(path) !== sha256).map(([path]) => path);
}

async function ofManifest(site: Site, { name, flags }: ComponentRecord, manifest: string): Promise<Failure[]> {
  const text = textOf(await site.shell.readFile(manifest, limitsOf(site, 20_000)));
  const differences = text === undefined ? [`${manifest} is missing`] : manifestDifferences(text, flags);
  if (differences.length === 0) return [];
  return [
    failure('unit-differs', {
      target: site.target,
      summary: `${name} would not start as it runs now: ${differences.join('; ')}`,
      cause: `${manifest} was changed, and the kubelet has not acted on it`,
      nextAction: 'Look at "journalctl -u kubelet", or put the manifest right; then plan again.',
    }),
  ];
}

/** Flags that what runs has otherwise than the manifest, in words; values that hold a variable are the kubelet's to fill in. */
export function manifestDifferences(text: string, running: Readonly<Record<string, string>>): string[] {
  try {
    const wanted = readManifest(text).flags;
    return [...new Set([...Object.keys(running), ...Object.keys(wanted)])].sort().flatMap((flag) => {
      if (running[flag] === wanted[flag] || wanted[flag]?.includes('$(') === true) return [];
      const say = (value: string | undefined): string => (value === undefined ? `no --${flag}` : `--${flag}=${value}`);
      return [`it runs with ${say(running[flag])} and would start with ${say(wanted[flag])}`];
    });
  } catch (error) {
    const failures = failuresOf(error);
    if (failures === undefined) throw error;
    return failures.map(({ cause }) => cause);
  }
}

function mountedElsewhere(site: Site, name: string, path: string): Failure {
  return failure('layout-unsupported', {
    target: site.target,
    summary: `${name} sees another ${path} than the node`,
    cause: 'found: a pod in which that path is another file, or an earlier one; expected: folders of the host mounted under their own names',
    nextAction: 'Restart it if the file was replaced since; else mount the folder under its own name, and name the file so in the flag.',
  });
}

function cannotBeStopped(site: Site): Failure {
  return failure('layout-unsupported', {
    target: site.target,
    summary: 'kube-controller-manager could not be kept stopped while nodes are cut over',
    cause:
      'found: a pod on the host network that is no static pod of the kubelet; expected: a systemd unit, or a static pod whose manifest is in the folder that the kubelet reads (staticPodPath, --pod-manifest-path)',
    nextAction: 'Run it as a static pod or as a unit for the time of the cutover.',
  });
}
