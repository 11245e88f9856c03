/** Keeps one connection for each host on the way to the nodes, makes it when first needed and again after it was lost. */

import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Duplex } from 'node:stream';
import pLimit, { type LimitFunction } from 'p-limit';
import { failure, RotationError } from '../../domain/errors.js';
import { type Connection, connectTo } from './connection.js';
import type { Hop } from './resolve-host.js';

export interface Pool {
  /** The connection to the last hop of a route. Throws ssh-unreachable, ssh-auth-failed, ssh-host-key-unknown, ssh-host-key-changed. */
  connectionTo(route: readonly Hop[]): Promise<Connection>;
  close(): Promise<void>;
}

// sshd drops unauthenticated connections beyond ten at random (MaxStartups 10:30:100).
const connectsAtOnceToOne = 5;
// All are reckoned on one thread: with more, the first would wait for the last.
const connectsAtOnce = 16;
const handshakeTries = 3;

/** Makes an empty pool. */
export function makePool(options: { log(line: string): void }): Pool {
  const connections = new Map<string, Promise<Connection>>();
  const connects = pLimit(connectsAtOnce);
  const connectsTo = new Map<string, LimitFunction>();
  const closing = new AbortController();
  // Each handshake listens to it, and Node takes more than ten listeners for a leak.
  setMaxListeners(connectsAtOnce, closing.signal);

  function limitTo({ host, port }: Hop): LimitFunction {
    const address = `${host}:${port}`;
    const limit = connectsTo.get(address) ?? pLimit(connectsAtOnceToOne);
    connectsTo.set(address, limit);
    return limit;
  }

  async function open(route: readonly Hop[], key: string): Promise<Connection> {
    const hop = route.at(-1);
    if (hop === undefined) {
      throw new Error('a route without hops');
    }
    const before = route.length > 1 ? await connectionTo(route.slice(0, -1)) : undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        const through = before === undefined ? {} : { through: await forward(before, hop), isBehind: before.hop.name };
        // The limit is taken for one handshake only: taken over the whole route, five nodes behind one jump host would wait for themselves.
        const connection = await limitTo(hop)(() => connects(() => connectTo(hop, { ...through, signal: closing.signal })));
        if (closing.signal.aborted) {
          connection.end();
          throw closedError(hop);
        }
        options.log(`${hop.name}: connected as ${hop.user}@${hop.host}:${hop.port}${before === undefined ? '' : ` through ${before.hop.name}`}`);
        connection.onLost(() => {
          connections.delete(key);
          options.log(`${hop.name}: connection ended (${connection.lossReason()})`);
        });
        return connection;
      } catch (error) {
        if (attempt >= handshakeTries || closing.signal.aborted || !isDroppedHandshake(error)) {
          throw error;
        }
        await wait(100 * attempt + Math.random() * 200);
      }
    }
  }

  async function connectionTo(route: readonly Hop[]): Promise<Connection> {
    const last = route.at(-1);
    if (closing.signal.aborted && last !== undefined) {
      throw closedError(last);
    }
    const key = route.map((h) => `${h.user}@${h.host}:${h.port}/${h.hostKeyAlias ?? ''}`).join(' ');
    const kept = connections.get(key);
    if (kept !== undefined) {
      const connection = await kept;
      if (connection.isAlive()) {
        return connection;
      }
      if (connections.get(key) === kept) {
        connections.delete(key);
      }
      return connectionTo(route);
    }
    const opening = open(route, key);
    connections.set(key, opening);
    opening.catch(() => {
      if (connections.get(key) === opening) {
        connections.delete(key);
      }
    });
    return opening;
  }

  return {
    connectionTo,
    close: async () => {
      closing.abort();
      const open = await Promise.allSettled([...connections.values()]);
      connections.clear();
      // Nodes before their jump hosts, so that each can say goodbye.
      for (const result of open.toReversed()) {
        if (result.status === 'fulfilled') {
          result.value.end();
        }
      }
    },
  };
}

async function forward(before: Connection, hop: Hop): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string): void =>
      reject(
        new RotationError(
          failure('ssh-unreachable', {
            target: hop.name,
            summary: `The jump host ${before.hop.name} opens no connection to ${hop.host}:${hop.port}`,
            cause: why,
            nextAction: `On ${before.hop.name}, check that ${hop.host}:${hop.port} can be reached and that sshd has AllowTcpForwarding yes`,
            retryable: true,
          }),
        ),
      );
    try {
      before.client.forwardOut('127.0.0.1', 0, hop.host, hop.port, (error, stream) => (error ? refuse(error.message) : resolve(stream)));
    } catch (error) {
      refuse(error instanceof Error ? error.message : String(error));
    }
  });
}

// A host at its MaxStartups resets or closes before it has said who it is.
function isDroppedHandshake(error: unknown): boolean {
  const cause = error instanceof RotationError && error.code === 'ssh-unreachable' ? error.cause : undefined;
  return (
    cause instanceof Error &&
    (('code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')) || /closed the connection|Connection lost before handshake/.test(cause.message))
  );
}

function closedError(hop: Hop): RotationError {
  return new RotationError(
    failure('interrupted', {
      target: hop.name,
      summary: `No connection to ${hop.name} is opened any more`,
      cause: 'rotate-ca is about to end',
      nextAction: 'Run "rotate-ca resume"',
    }),
  );
}
