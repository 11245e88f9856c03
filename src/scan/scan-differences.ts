/** What differs between two scans, beside what makes a plan stale: what listeners and called servers present, and which workloads hold certificates and tokens. Pure. */

import type { Inventory, PodHolder } from '../domain/cluster/inventory.js';
import { groupByEach } from '../domain/group-by.js';
import { type Difference, differences } from './differences.js';

/** `differences`, then listeners, called servers and pods. Of a scan that did not look at them (an inventory of before, a plan that left them out) nothing is said. */
export function scanDifferences(before: Inventory, after: Inventory): Difference[] {
  return [...differences(before, after), ...ofListeners(before, after), ...ofCalled(before, after), ...ofPods(before, after)];
}

/** Of components that both have: one that was not running then, or is not now, is told as such. */
function ofListeners(before: Inventory, after: Inventory): Difference[] {
  const [was, is] = [before, after].map(listenersOf);
  const named = nameIn(before, after);
  return [...(is ?? [])].flatMap(([key, now]): Difference[] => {
    const earlier = was?.get(key);
    if (earlier === undefined || earlier.presents === now.presents) return [];
    return [{ kind: 'listener', target: now.node, text: `${key} presented ${named(earlier.presents)} and presents ${named(now.presents)}` }];
  });
}

/** Ports of which either scan has an answer; `presents` is undefined where nobody answered. */
function listenersOf({ nodes }: Inventory): Map<string, { readonly node: string; readonly presents: string | undefined }> {
  return new Map(
    nodes.flatMap(({ name: node, components }) =>
      components.flatMap(({ name, presents = {} }) => Object.entries(presents).map(([port, leaf]) => [`${name}@${node} :${port}`, { node, presents: leaf }] as const)),
    ),
  );
}

function ofCalled(before: Inventory, after: Inventory): Difference[] {
  if (before.called === undefined || after.called === undefined) return [];
  const named = nameIn(before, after);
  const was = new Map(before.called.map((one) => [`${one.kind} ${one.name} ${one.field}`, one]));
  return after.called.flatMap((is): Difference[] => {
    const earlier = was.get(`${is.kind} ${is.name} ${is.field}`);
    if (earlier?.presents === undefined || is.presents === undefined || earlier.presents === is.presents) return [];
    return [
      {
        kind: 'listener',
        target: `${is.kind} ${is.name}`,
        text: `${is.host}, which ${is.kind} ${is.name} calls, presented ${named(earlier.presents)} and presents ${named(is.presents)}`,
      },
    ];
  });
}

/** By what makes them: pods come and go, and what they hold is their workload's. */
function ofPods(before: Inventory, after: Inventory): Difference[] {
  if (before.pods === undefined || after.pods === undefined) return [];
  const [was, is] = [workloads(before.pods), workloads(after.pods)];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((key): Difference[] => {
    const [earlier, now] = [was.get(key) ?? [], is.get(key) ?? []];
    const target = `pods of ${key}`;
    const say = (text: string): Difference => ({ kind: 'pod', target, text: `${target}: ${text}` });
    const all = now.length === 0 ? 'they are gone; ' : earlier.length === 0 ? 'they are there now; ' : '';
    const lost = earlier.filter((one) => !now.includes(one));
    const won = now.filter((one) => !earlier.includes(one));
    if (lost.length === 0 && won.length === 0) return [];
    return [say(`${all}${[...lost.map((one) => `they held ${one}`), ...won.map((one) => `they hold ${one}`)].join(', ')}`)];
  });
}

/** What they hold, in words; workloads that hold nothing are left out. */
function workloads(pods: readonly PodHolder[]): Map<string, string[]> {
  const groups = groupByEach(pods, ({ namespace, owner, name }) => [`${namespace}/${owner === '' ? `Pod/${name}` : owner}`]);
  return new Map(
    [...groups].flatMap(([key, members]) => {
      const held = members.flatMap(({ mounts, token, serviceAccount }) => [
        ...mounts,
        ...(token === 'none' ? [] : [`a ${token === 'legacy' ? 'legacy token' : 'bound token'} of ${serviceAccount === '' ? 'its service account' : serviceAccount}`]),
      ]);
      const distinct = [...new Set(held)].toSorted();
      return distinct.length === 0 ? [] : [[key, distinct] as const];
    }),
  );
}

/** Subject and fingerprint of a leaf that one of the scans has in a file or an object. */
function nameIn(...inventories: readonly Inventory[]): (fingerprint: string | undefined) => string {
  const subjects = new Map(
    inventories.flatMap(({ nodes, objects }) =>
      [...nodes.flatMap(({ files }) => files.flatMap(({ certificates }) => certificates)), ...objects.flatMap(({ certificates }) => certificates)].map(
        ({ fingerprint, subject }) => [fingerprint, subject] as const,
      ),
    ),
  );
  return (fingerprint = '') => {
    const subject = subjects.get(fingerprint);
    return `${subject === undefined ? 'a leaf' : `"${subject}"`} (SHA-256 ${fingerprint.slice(0, 16)})`;
  };
}
