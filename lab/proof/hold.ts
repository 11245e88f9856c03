/** One side of a step is held back, so that a state is seen which lasts for moments otherwise: a write that is delayed, or a kubelet that is stopped. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { LabNode } from '../lab.js';
import type { Prober } from './prober.js';
import type { Place } from './probes/place.js';

export type Hold =
  /** The write of this file waits, on every node or every control plane. */
  | { readonly write: string; readonly on: 'all' | 'control-planes' }
  /** SIGSTOP for the kubelet that brings a Secret to this pod (by the beginning of its name). */
  | { readonly kubeletOf: string };

export interface Held {
  /** Resolves when the step has come so far; rejects when it does not. */
  reached(): Promise<void>;
  release(): Promise<void>;
}

const wrapper = '/usr/local/sbin/mv';
const mark = '/run/proof-held';
const go = '/run/proof-go';
const mostMs = 60_000;

export async function holdBack(prober: Prober, place: Place, hold: Hold): Promise<Held> {
  return 'write' in hold ? holdWrite(prober, hold.on === 'all' ? prober.lab.nodes : prober.lab.controlPlanes, hold.write) : holdKubelet(prober, nodeOf(place, hold.kubeletOf));
}

/** rotate-ca puts a file in place by a rename: before /usr/bin in the search path there is one that waits. */
async function holdWrite(prober: Prober, nodes: readonly LabNode[], path: string): Promise<Held> {
  const script = `#!/bin/sh
for last; do :; done
if [ "$last" = '${path}' ]; then : > ${mark}; n=0; while [ ! -e ${go} ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done; fi
exec /usr/bin/mv "$@"
`;
  const onAll = (text: string): Promise<string[]> => Promise.all(nodes.map(async ({ name }) => (await prober.on(name, text)).stdout.trim()));
  await onAll(`rm -f ${mark} ${go}; cat > ${wrapper} <<'SH'\n${script}SH\nchmod 755 ${wrapper}`);
  return {
    reached: () => waitUntil(async () => (await onAll(`[ -e ${mark} ] && echo held; true`)).every((answer) => answer === 'held'), `the write of ${path}`),
    release: async () => void (await onAll(`: > ${go}; rm -f ${wrapper}`)),
  };
}

async function holdKubelet(prober: Prober, node: string): Promise<Held> {
  const { stdout } = await prober.on(node, 'pkill -STOP -x kubelet && pgrep -x kubelet');
  if (!/^\d+/.test(stdout)) throw new Error(`the kubelet of ${node} could not be stopped`);
  return { reached: async () => undefined, release: async () => void (await prober.on(node, 'pkill -CONT -x kubelet')) };
}

function nodeOf(place: Place, beginning: string): string {
  const pod = place.pods.find(({ id }) => id.startsWith(`pod ${beginning}`));
  if (pod === undefined) throw new Error(`there is no pod ${beginning}`);
  return pod.node;
}

async function waitUntil(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const endsAt = performance.now() + mostMs;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`${what} did not come`);
    await sleep(300);
  }
}
