/**
 * In front of the API servers, as the lab's HAProxy in TCP mode: a server counts as long as GET /readyz answers 200.
 * A connection is handed to the server of its turn as it came: to copy it byte by byte would cost two more sockets for each, and the event loop is one
 * for all. libuv accepts one connection of a listener in each turn of that loop (since 1.46): with hundreds of nodes it is what clients wait for first.
 */

import { Agent, request } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { doorAt } from './api/doors.js';
import type { StagingContext } from './component.js';
import { listen } from './etcd/tls-door.js';
import { controlPlanes } from './pki/component-flags.js';
import { timings } from './timings.js';

export interface LoadBalancer {
  /** Names of the nodes whose API server counts just now. */
  healthy(): readonly string[];
  close(): Promise<void>;
}

/** Of the lab's haproxy.cfg: "fall 1 rise 1", and "on-marked-down shutdown-sessions". */
export async function startLoadBalancer({ context }: { readonly context: StagingContext }): Promise<LoadBalancer> {
  const { clock, spec } = context;
  const servers = controlPlanes(spec).map(({ name, address }) => ({ name, address, isUp: false, isAsked: false, sockets: new Set<Socket>() }));
  // Checks keep their connection: a handshake for each would be a tenth of what a rehearsal costs.
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxCachedSessions: 0 });
  const incoming = new Set<Socket>();
  let turn = 0;

  function check(server: (typeof servers)[number]): void {
    if (server.isAsked) return;
    server.isAsked = true;
    ask(server);
  }

  function ask(server: (typeof servers)[number]): void {
    const told = (isUp: boolean): void => {
      if (!server.isAsked) return;
      server.isAsked = false;
      if (server.isUp && !isUp) for (const socket of server.sockets) socket.destroy();
      server.isUp = isUp;
    };
    const asked = request({ host: server.address, port: 6443, path: '/readyz', agent, timeout: 2_000 }, (answer) => {
      answer.resume();
      told(answer.statusCode === 200);
    });
    // A kept connection that the server has closed says nothing of the server.
    asked.on('error', () => (asked.reusedSocket ? ask(server) : told(false)));
    asked.on('timeout', () => asked.destroy(new Error('timeout')));
    asked.end();
  }

  const server = createServer((client) => {
    incoming.add(client);
    client.on('close', () => incoming.delete(client));
    client.on('error', () => client.destroy());
    const up = servers.filter((one) => one.isUp);
    const chosen = up[turn++ % Math.max(1, up.length)];
    const accept = chosen === undefined ? undefined : doorAt(chosen.address, 6443);
    if (chosen === undefined || accept === undefined) return void client.destroy();
    chosen.sockets.add(client);
    client.on('close', () => chosen.sockets.delete(client));
    client.setNoDelay(true);
    accept(client);
  });
  await listen(server, spec.loadBalancer.port, spec.loadBalancer.address);
  const stopChecks = servers.map((one) => {
    check(one);
    // On the wall clock: an outage of a real API server is not shorter here.
    return clock.every(timings.healthCheckMs * clock.speed, () => check(one));
  });
  return {
    healthy: () => servers.filter(({ isUp }) => isUp).map(({ name }) => name),
    async close() {
      for (const stop of stopChecks) stop();
      agent.destroy();
      for (const socket of incoming) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
