/** In front of the API servers, as the lab's HAProxy in TCP mode: a server counts as long as GET /readyz answers 200. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { doorsOf } from './api/doors.js';
import type { StagingContext } from './component.js';
import type { ThreadData, ThreadMessage } from './load-balancer-thread.js';
import { controlPlanes } from './pki/component-flags.js';
import { timings } from './timings.js';

export interface LoadBalancer {
  /** Names of the nodes whose API server counts just now. */
  healthy(): readonly string[];
  close(): Promise<void>;
}

/** Of the lab's haproxy.cfg: "fall 1 rise 1", and "on-marked-down shutdown-sessions". Rejects with `listen tcp ADDRESS:PORT: bind: ...`. */
export async function startLoadBalancer({ context }: { readonly context: StagingContext }): Promise<LoadBalancer> {
  const { loadBalancer } = context.spec;
  const servers = controlPlanes(context.spec).map(({ name, address }) => ({ name, address, port: 6443, doors: doorsOf(address) }));
  const workerData: ThreadData = { ...loadBalancer, servers, checkEveryMs: timings.healthCheckMs };
  const thread = startThread(workerData);
  let up: readonly string[] = [];
  try {
    await new Promise<void>((resolve, reject) => {
      thread.on('message', (message: ThreadMessage) => {
        if ('up' in message) up = message.up;
        else if ('error' in message) reject(new Error(message.error));
        else resolve();
      });
      thread.once('error', reject);
      thread.once('exit', (code) => reject(new Error(`the load balancer has ended with ${code}`)));
    });
  } catch (error) {
    await thread.terminate();
    throw error;
  }
  thread.on('error', (error) => context.log(`load balancer: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`));
  return {
    healthy: () => up,
    async close() {
      await thread.terminate();
    },
  };
}

/** From `dist` it is JavaScript; for sources the thread loads what reads TypeScript first, whatever reads them here. */
function startThread(workerData: ThreadData): Worker {
  const url = new URL('./load-balancer-thread.js', import.meta.url);
  if (existsSync(fileURLToPath(url))) return new Worker(url, { workerData, execArgv: [] });
  const [loader, source] = [import.meta.resolve('tsx/esm/api'), url.href.replace(/\.js$/, '.ts')].map((one) => JSON.stringify(one));
  return new Worker(`import(${loader}).then(({ register }) => (register(), import(${source})))`, { eval: true, workerData, execArgv: [] });
}
