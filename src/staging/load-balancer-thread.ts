/** The load balancer itself, in a thread of its own: it takes connections at once although the event loop of the API servers is busy. */

import { Agent, request } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { listen } from './listen.js';

export interface ThreadData {
  readonly address: string;
  readonly port: number;
  readonly servers: readonly { readonly name: string; readonly address: string; readonly port: number; readonly doors: readonly string[] }[];
  readonly checkEveryMs: number;
}

/** `up`: names of the servers that count just now. */
export type ThreadMessage = { readonly listens: true } | { readonly error: string } | { readonly up: readonly string[] };

const checkTimeoutMs = 2_000;
const data = workerData as ThreadData;
const servers = data.servers.map((server) => ({ ...server, isUp: false, isAsked: false, sockets: new Set<Socket>(), turn: 0 }));
type Server = (typeof servers)[number];
// Checks keep their connection: a handshake for each would be a tenth of what a rehearsal costs.
const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxCachedSessions: 0 });
let turn = 0;

function tell(message: ThreadMessage): void {
  parentPort?.postMessage(message);
}

function check(server: Server): void {
  if (server.isAsked) return;
  server.isAsked = true;
  ask(server);
}

function ask(server: Server): void {
  const told = (isUp: boolean): void => {
    if (!server.isAsked) return;
    server.isAsked = false;
    if (server.isUp === isUp) return;
    server.isUp = isUp;
    if (!isUp) for (const socket of server.sockets) socket.destroy();
    tell({ up: servers.filter((one) => one.isUp).map(({ name }) => name) });
  };
  const asked = request({ host: server.address, port: server.port, path: '/readyz', agent, timeout: checkTimeoutMs }, (answer) => {
    answer.resume();
    told(answer.statusCode === 200);
  });
  // A kept connection that the server has closed says nothing of the server.
  asked.on('error', () => (asked.reusedSocket ? ask(server) : told(false)));
  asked.on('timeout', () => asked.destroy(new Error('timeout')));
  asked.end();
}

function connectTo(server: Server): Socket {
  const door = server.doors[server.turn++ % Math.max(1, server.doors.length)];
  return door === undefined ? connect(server.port, server.address) : connect(door);
}

const front = createServer((client) => {
  client.on('error', () => client.destroy());
  const up = servers.filter((one) => one.isUp);
  const chosen = up[turn++ % Math.max(1, up.length)];
  if (chosen === undefined) return void client.destroy();
  const onward = connectTo(chosen);
  chosen.sockets.add(onward);
  onward.setNoDelay(true);
  client.setNoDelay(true);
  client.pipe(onward).pipe(client);
  onward.on('error', () => client.destroy());
  onward.on('close', () => {
    chosen.sockets.delete(onward);
    client.destroy();
  });
  client.on('close', () => onward.destroy());
});

listen(front, data.port, data.address).then(
  () => {
    for (const server of servers) {
      check(server);
      // On the wall clock: an outage of a real API server is not shorter here.
      setInterval(() => check(server), data.checkEveryMs);
    }
    tell({ listens: true });
  },
  (error: unknown) => tell({ error: error instanceof Error ? error.message : String(error) }),
);
