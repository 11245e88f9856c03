/** One experiment on a real cluster: what is stored is changed, nothing is restarted, and it is seen whether the component takes it. */

import type { Behaviour, Undo } from '../fidelity/behaviour.js';
import { type Component, manifestOf, mustBeCalm, pidOf } from '../fidelity/components.js';
import { textOf, writeAgain } from '../fidelity/node-files.js';
import { mustBecome, until } from '../fidelity/until.js';
import { callMs, controlPlanes, type World } from '../fidelity/world.js';

export interface Experiment extends Behaviour {
  /** Rows of the table that it is about: the component, then one of the row's inputs. */
  readonly rows: readonly (readonly [component: string, input: string])[];
}

/** What is `hot` is taken within a minute; a little more, for a machine that is busy. */
export const hotMs = 75_000;
/** What is `polled` is looked at every five minutes; after this it would have been. */
export const polledMs = 330_000;

/** Runs a component of one node from a changed manifest, and from that of before when the experiment is over. `again` starts it anew. */
export async function runWith(world: World, undo: Undo, node: string, component: Component, change: (manifest: string) => string): Promise<{ again(): Promise<void> }> {
  const at = { node, path: manifestOf(component) };
  const before = await textOf(world, node, at.path);
  const write = async (text: string): Promise<void> => {
    if ((await textOf(world, node, at.path)) === text) return;
    const pid = await pidOf(world, node, component);
    await writeAgain(world, at, text);
    await mustBecome(
      world,
      `${component} on ${node} is another process`,
      150_000,
      () => pidOf(world, node, component),
      (now) => now !== 0 && now !== pid,
    );
    await mustBeUp(world, node, component);
  };
  undo.add(`${component} on ${node} runs its manifest of before`, () => write(before));
  const changed = change(before);
  await write(changed);
  return { again: () => killed(world, node, component) };
}

/** Ends the process; the kubelet starts the container again. */
async function killed(world: World, node: string, component: Component): Promise<void> {
  const pid = await pidOf(world, node, component);
  await world.shell(node).must(`kill -KILL ${pid}`, { deadlineMs: callMs });
  await mustBecome(
    world,
    `${component} on ${node} is another process`,
    150_000,
    () => pidOf(world, node, component),
    (now) => now !== 0 && now !== pid,
  );
  await mustBeUp(world, node, component);
}

async function mustBeUp(world: World, node: string, component: Component): Promise<void> {
  await mustBeCalm(world, node, component);
  if (component !== 'kube-apiserver') return;
  await mustBecome(
    world,
    `the API server of ${node} is ready`,
    120_000,
    () => isReadyApi(world, node),
    (ready) => ready,
  );
}

/** Whether /readyz of the node's own API server says yes. */
export async function isReadyApi(world: World, node: string): Promise<boolean> {
  const address = world.nodes.find(({ name }) => name === node)?.address ?? '';
  return (
    (
      await world.kube
        .at(`https://${address}:6443`)
        .get('/readyz', { deadlineMs: callMs })
        .catch(() => ({ status: 0 }))
    ).status === 200
  );
}

/** Cuts every connection to this port of the control planes: whoever lives on one of before has to shake hands anew. */
export async function cutConnections(world: World, port: number, nodes: readonly string[] = controlPlanes(world).map(({ name }) => name)): Promise<void> {
  for (const node of nodes) await world.shell(node).run(`ss -K -tn "sport = :${port}" >/dev/null 2>&1; ss -K -tn "dport = :${port}" >/dev/null 2>&1; true`, { deadlineMs: callMs });
}

/** Whether it becomes so within the time; what `until` saw last does not matter. */
export async function becomes(world: World, realMs: number, ask: () => Promise<boolean>): Promise<boolean> {
  return until(world, realMs, ask, (so) => so);
}

/** Users of whom an API server answered a request since `sinceMs` (of the nodes' clock, ms), as the audit logs of all control planes say; refusals do not count. */
export async function usersSince(world: World, sinceMs: number): Promise<ReadonlySet<string>> {
  const since = new Date(sinceMs).toISOString();
  const program = `select(.stageTimestamp > "${since}" and .requestReceivedTimestamp > "${since}" and (.responseStatus.code // 200) < 400) | .user.username`;
  const found = new Set<string>();
  for (const { name } of controlPlanes(world)) {
    const out = await world.shell(name).must(`tail -n 6000 /var/log/kubernetes/audit.log | jq -r '${program}' | sort -u`, { deadlineMs: callMs });
    for (const user of out.split('\n')) if (user !== '') found.add(user);
  }
  return found;
}

/** The clock of the nodes, which is that of the machine they share. */
export function nowMs(): number {
  return Date.now();
}
