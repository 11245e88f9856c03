/** What a step has touched in an undisturbed run, as it was seen from the other end of the wire: which faults can reach it follows from it. */

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodesWith } from '../../domain/cluster/inventory.js';
import type { Plan } from '../../domain/plan/plan.js';
import type { Activity } from '../../staging/activity.js';

export interface ChangedFile {
  readonly path: string;
  /** Base64 of what it held before the step. */
  readonly before: string;
}

export interface Footprint {
  readonly nodes: readonly string[];
  readonly controlPlanes: readonly string[];
  readonly commands: Readonly<Record<string, number>>;
  readonly kubeletStarts: Readonly<Record<string, number>>;
  readonly vaultCalls: number;
  readonly writes: number;
  /** By node. */
  readonly changed: Readonly<Record<string, readonly ChangedFile[]>>;
}

/** Of a step of which nothing is known: everything may reach it. */
export function everyFootprint(plan: Pick<Plan, 'inventory'>): Footprint {
  const nodes = plan.inventory.nodes.map(({ name }) => name);
  const counted = Object.fromEntries(nodes.map((node) => [node, 1]));
  return {
    nodes,
    controlPlanes: nodesWith(plan.inventory, 'control-plane').map(({ name }) => name),
    commands: counted,
    kubeletStarts: counted,
    vaultCalls: 1,
    writes: 1,
    changed: Object.fromEntries(nodes.map((node) => [node, []])),
  };
}

export const nodesAsked = ({ nodes, commands }: Footprint): readonly string[] => nodes.filter((node) => (commands[node] ?? 0) > 0);
export const nodesWithKubeletStarts = ({ nodes, kubeletStarts }: Footprint): readonly string[] => nodes.filter((node) => (kubeletStarts[node] ?? 0) > 0);
export const nodesWithChanges = ({ nodes, changed }: Footprint): readonly string[] => nodes.filter((node) => (changed[node] ?? []).length > 0);

/** What happened between two looks. */
export function activityBetween(before: Activity, after: Activity): Pick<Footprint, 'commands' | 'kubeletStarts' | 'vaultCalls' | 'writes'> {
  const difference = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.entries(b).map(([key, count]) => [key, count - (a[key] ?? 0)]));
  return {
    commands: difference(before.commands, after.commands),
    kubeletStarts: difference(before.kubeletStarts, after.kubeletStarts),
    vaultCalls: after.vaultCalls - before.vaultCalls,
    writes: after.writes - before.writes,
  };
}

/** Files that others write while nobody rotates: logs, the data of etcd, what kubelets keep for themselves. */
const ofOthers = /^\/var\/(?:log|lib\/etcd|lib\/kubelet\/(?:pki|pods))\//;

/** Regular files of a node in a snapshot, but for what others write: path to hash. */
export function filesIn(nodeFolder: string): Map<string, string> {
  const files = new Map<string, string>();
  const root = join(nodeFolder, 'files');
  const walk = (folder: string): void => {
    for (const entry of existsSync(join(root, folder)) ? readdirSync(join(root, folder), { withFileTypes: true }) : []) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && !ofOthers.test(path))
        files.set(
          path,
          createHash('sha256')
            .update(readFileSync(join(root, path)))
            .digest('hex'),
        );
    }
  };
  walk('');
  return files;
}

/** Files that both snapshots of a node have, and that differ. */
export function changedFiles(beforeFolder: string, afterFolder: string): ChangedFile[] {
  const after = filesIn(afterFolder);
  return [...filesIn(beforeFolder)].flatMap(([path, hash]) =>
    after.has(path) && after.get(path) !== hash ? [{ path, before: readFileSync(join(beforeFolder, 'files', path)).toString('base64') }] : [],
  );
}

/** What differs between the two in any way: content, mode, one is missing. */
export function differencesOf(beforeFolder: string, afterFolder: string): string[] {
  const [before, after] = [filesIn(beforeFolder), filesIn(afterFolder)];
  const modeOf = (folder: string, path: string): number => lstatSync(join(folder, 'files', path)).mode & 0o7777;
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path) => {
    if (!after.has(path)) return [`${path} is gone`];
    if (!before.has(path)) return [`${path} was left`];
    if (before.get(path) !== after.get(path)) return [`${path} has another content`];
    return modeOf(beforeFolder, path) === modeOf(afterFolder, path) ? [] : [`${path} has another mode`];
  });
}
