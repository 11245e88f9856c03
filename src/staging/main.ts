/** A staging cluster as a process of its own: told by IPC what to do. It ends with its parent, and takes its folder with it. */

import { rmSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { failuresOf } from '../domain/errors.js';
import { redact } from '../domain/redact.js';
import { clearFaults, setFault } from './apply-fault.js';
import { startStaging, type StagingCluster } from './cluster.js';
import type { Call, CallName, Calls, Reply } from './messages.js';
import { sweep } from './sweep.js';
import { countersOf, type Serving, watchServing } from './workload-counters.js';

const stalls = monitorEventLoopDelay({ resolution: 20 });
/** Wall clock: a pod that is replaced is away for longer, at whatever speed. */
const servingLookMs = 100;
const noServing: Serving = { workloads: 0, looks: 0, without: [] };
let serving: ReturnType<typeof watchServing> | undefined;
let cluster: StagingCluster | undefined;
let folder: string | undefined;
let ending: Promise<void> | undefined;

const answers: { readonly [Name in CallName]: (args: Calls[Name]['args']) => Promise<Calls[Name]['result']> } = {
  async start({ spec, folder: into, speed }) {
    folder = into;
    const startedAt = Date.now();
    cluster = await startStaging({ spec, folder: into, speed });
    // What its own start has cost is no news.
    stalls.enable();
    serving = watchServing(cluster.context, cluster.kubelets, servingLookMs);
    return { operator: cluster.operator, tookMs: Date.now() - startedAt, notReady: cluster.notReady };
  },
  async fault(setting) {
    await setFault(running(), setting);
    return null;
  },
  async clearFaults() {
    await clearFaults(running());
    return null;
  },
  async save({ folder: into }) {
    await running().save(into);
    return null;
  },
  async load({ folder: from }) {
    return running().load(from);
  },
  activity: async () => running().activity(),
  settle: async () => running().settle(),
  counters: async () => ({ ...countersOf(running().kubelets), serving: serving?.read() ?? noServing, longestStallMs: Math.round(stalls.max / 1e6) }),
  sweep: async ({ caPem }) => sweep(running().context, caPem),
  async stop() {
    await end();
    return null;
  },
};

function running(): StagingCluster {
  if (cluster === undefined) throw new Error('the staging cluster has not been started');
  return cluster;
}

/** Once, whoever asks: parent, signal or a channel that was closed. */
function end(): Promise<void> {
  ending ??= (async () => {
    // What does not stop in time is ended with the process.
    await Promise.race([cluster?.stop(), new Promise((resolve) => setTimeout(resolve, 5_000).unref())]).catch(() => undefined);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  })();
  return ending;
}

function endAndExit(): void {
  void end().finally(() => process.exit(0));
}

process.on('message', (message: Call) => {
  const answer = answers[message.call] as (args: unknown) => Promise<unknown>;
  void answer(message.args)
    .then((result): Reply => ({ id: message.id, result }))
    .catch((error: unknown): Reply => {
      const failures = failuresOf(error);
      const text = redact(error instanceof Error ? (error.stack ?? error.message) : String(error));
      return { id: message.id, error: text, ...(failures === undefined ? {} : { failures }) };
    })
    .then((reply) => {
      process.send?.(reply, () => {
        if (message.call === 'stop') process.exit(0);
      });
    });
});
// Its parent has ended, in whatever way: nobody is left to stop it.
process.on('disconnect', endAndExit);
// Ctrl-C reaches the whole group; the parent decides when this process ends.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', endAndExit);
