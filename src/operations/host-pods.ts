/** Components in pods on the host's network: ended, kept away and brought back on the node itself, for there may be no API to ask. */

import type { ComponentName, PodRecord } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import type { Site } from '../ports/step-kind.js';
import { findProcesses, type Process } from './processes.js';
import { besides, stagingDir } from './run-files.js';
import { limitsOf } from './waiting.js';

/** How long a process may take to end by itself, in seconds. */
const grace = 20;

/** Every file of the kubelet's folder that has no dot in front is a manifest (k/k pkg/kubelet/config/file.go): it is kept with the run. */
function keptAway(site: Site, manifest: string): { readonly folder: string; readonly file: string } {
  const folder = `${stagingDir(site)}/manifests`;
  return { folder, file: `${folder}/${manifest.slice(manifest.lastIndexOf('/') + 1)}` };
}

/** Ends these processes; the kubelet makes their containers anew, the first time at once. API servers have nothing in memory that could be lost, and would wait for an etcd that is gone. */
export async function endProcesses(site: Site, component: ComponentName, processes: readonly Pick<Process, 'pid'>[]): Promise<void> {
  if (processes.length === 0) return;
  const pids = processes.map(({ pid }) => String(pid)).join(' ');
  await site.shell.must(
    `p='${pids}'
left() { l=; for i in $p; do [ ! -d /proc/$i ] || l="$l $i"; done; p=$l; [ -n "$p" ]; }
${component === 'kube-apiserver' ? '' : `kill -TERM $p 2>/dev/null\nn=0; while left && [ $n -lt ${grace * 10} ]; do sleep 0.1; n=$((n + 1)); done\n`}left || exit 0
kill -KILL $p 2>/dev/null
n=0; while left && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
! left`,
    limitsOf(site, 60_000),
  );
}

/** Takes the manifest away first, so that nobody starts what is ended then. A pod without one would come back at once: it is left alone. */
export async function endPod(site: Site, component: ComponentName, { manifest }: PodRecord): Promise<void> {
  if (manifest === undefined) return;
  const { folder, file } = keptAway(site, manifest);
  await site.shell.must(
    `set -eu; umask 077
[ -e '${manifest}' ] || [ -L '${manifest}' ] || exit 0
mkdir -p '${folder}'; cp -a '${manifest}' '${file}.part'; mv -fT '${file}.part' '${file}'; sync
rm -f '${manifest}'; sync`,
    limitsOf(site, 30_000),
  );
  await endProcesses(site, component, await findProcesses(site.shell, component, [], limitsOf(site, 20_000)));
}

/** Puts the manifest back, under a name with a dot first: a kubelet must not read half a file. One that is there stays. Throws file-missing. */
export async function bringPod(site: Site, manifest: string): Promise<void> {
  const { file } = keptAway(site, manifest);
  const beside = besides(manifest);
  const { exitCode, stderr } = await site.shell.run(
    `set -eu
[ ! -e '${manifest}' ] && [ ! -L '${manifest}' ] || exit 0
[ -e '${file}' ] || [ -L '${file}' ] || exit 9
rm -f '${beside}'; cp -a '${file}' '${beside}'; sync; mv -fT '${beside}' '${manifest}'; sync
rm -f '${file}'`,
    limitsOf(site, 30_000),
  );
  if (exitCode === 0) return;
  fail('file-missing', {
    target: site.target,
    summary: `${manifest} cannot be put back`,
    cause: exitCode === 9 ? `it is neither in its place nor in ${file}` : stderr.trim().slice(-200),
    nextAction: 'Put the manifest back (it is in the backup of the run), then run "rotate-ca resume".',
  });
}

/** Whether it runs, or its kubelet would start it. */
export async function isPodThere(site: Site, component: ComponentName, { manifest }: PodRecord): Promise<boolean> {
  const processes = await findProcesses(site.shell, component, [], limitsOf(site, 20_000));
  if (processes.length > 0 || manifest === undefined) return processes.length > 0;
  return (await site.shell.run(`[ -e '${manifest}' ] || [ -L '${manifest}' ]`, limitsOf(site, 20_000))).exitCode === 0;
}
