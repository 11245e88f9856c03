/** A staging cluster grows evenly: each node more costs its start as much as the one before. Counted, not timed. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freeBlock } from '../src/staging/addresses.js';
import { startStaging } from '../src/staging/cluster.js';
import { specOfTopology } from '../src/staging/topology.js';

interface Cost {
  readonly requests: number;
  readonly connections: number;
}

/** What is done again and again as time passes is no cost of a node: leases, health checks, what pods ask. */
const byTime = /\/leases|^\/(readyz|livez|healthz|version)/;

async function costOfStart(topology: string): Promise<Cost> {
  const place = { block: await freeBlock({ spread: true }), uid: 'b0f4a3a2-6a52-4a30-9c0e-2f5c2b1d7a11', nowMs: Date.now() };
  const whole = specOfTopology(topology, place);
  // RSA keys would be all that this test does.
  const spec = { ...whole, leafKeyType: 'ecdsa-p256' as const, nodes: whole.nodes.map((node) => ({ ...node, leaves: [{ path: '/var/lib/kubelet/pki/kubelet.crt', keyType: 'ecdsa-p256' as const }] })) };
  let requests = 0;
  const sockets = new Set<unknown>();
  const count = (message: unknown): void => {
    const { request } = message as { readonly request: IncomingMessage };
    if (byTime.test(request.url ?? '')) return;
    requests += 1;
    sockets.add(request.socket);
  };
  const folder = mkdtempSync(join(tmpdir(), 'staging-growth-'));
  subscribe('http.server.request.start', count);
  try {
    const cluster = await startStaging({ spec, folder, speed: 20 });
    expect(cluster.notReady).toEqual([]);
    unsubscribe('http.server.request.start', count);
    await cluster.stop();
  } finally {
    unsubscribe('http.server.request.start', count);
    rmSync(folder, { recursive: true, force: true });
  }
  return { requests, connections: sockets.size };
}

describe('the start of a staging cluster', () => {
  it('costs each node more the same, however many there are', async () => {
    const [few, some, many] = [await costOfStart('1+2'), await costOfStart('1+8'), await costOfStart('1+20')];
    const each = (less: Cost, more: Cost, nodes: number, of: keyof Cost): number => (more[of] - less[of]) / nodes;
    for (const of of ['requests', 'connections'] as const) {
      // The pods of daemons come and go beside it: the second dozen may cost half as much again, never twice as much.
      expect(each(some, many, 12, of), of).toBeLessThan(each(few, some, 6, of) * 1.5 + 2);
    }
    expect(each(some, many, 12, 'requests')).toBeLessThan(40);
  });
});
