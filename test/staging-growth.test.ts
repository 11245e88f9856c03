/** A staging cluster grows evenly: each node more costs its start as much as the one before. Counted, not timed. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startStaging } from '../src/staging/cluster.js';
import { specSomewhere } from '../src/staging/topology.js';

interface Cost {
  readonly requests: number;
  readonly connections: number;
}

/** What is done again and again as time passes is no cost of a node: leases, health checks, what pods ask. */
const byTime = /\/leases|^\/(readyz|livez|healthz|version)/;

async function costOfStart(topology: string): Promise<Cost> {
  const whole = await specSomewhere(topology, { uid: 'b0f4a3a2-6a52-4a30-9c0e-2f5c2b1d7a11', nowMs: Date.now() });
  // RSA keys would be all that this test does.
  const ca = (one: typeof whole.cas.cluster) => ({ ...one, keyType: 'ecdsa-p256' as const });
  const cas = { cluster: ca(whole.cas.cluster), etcd: ca(whole.cas.etcd), frontProxy: ca(whole.cas.frontProxy) };
  const spec = {
    ...whole,
    cas,
    leafKeyType: 'ecdsa-p256' as const,
    nodes: whole.nodes.map((node) => ({ ...node, leaves: [{ path: '/var/lib/kubelet/pki/kubelet.crt', keyType: 'ecdsa-p256' as const }] })),
  };
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
    const [few, some, many] = [await costOfStart('1+2'), await costOfStart('1+6'), await costOfStart('1+12')];
    const each = (less: Cost, more: Cost, nodes: number, of: keyof Cost): number => (more[of] - less[of]) / nodes;
    // Beside what each node does, controllers tell of pods that come and go, as often as they find the time.
    for (const [less, more, nodes] of [
      [few, some, 4],
      [some, many, 6],
    ] as const) {
      expect(each(less, more, nodes, 'requests')).toBeLessThan(35);
      expect(each(less, more, nodes, 'connections')).toBeLessThan(6);
    }
  });
});
