/** Customers of an application that has nothing to do with the API: they ask it all the time, on new connections, and hold a websocket each. */

import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { waitFor } from '../deadline.js';
import type { Lab } from '../lab.js';
import { type Blame, blame } from '../probes/blame.js';
import type { Stall } from '../probes/machine.js';
import type { FailedProbe } from '../probes/raw-log.js';

export interface ApplicationFelt {
  readonly sent: number;
  readonly failures: readonly FailedProbe[];
  readonly slowestMs: number;
  /** By node: what came over its websocket. */
  readonly websockets: readonly WebsocketFelt[];
}

export interface WebsocketFelt {
  readonly target: string;
  readonly ticks: number;
  /** From one tick to the next. */
  readonly longestSilenceMs: number;
  /** Why it is not open any more, or which tick was left out; empty if it is as it should be. */
  readonly trouble: string;
}

export interface ApplicationClient {
  end(): Promise<ApplicationFelt>;
}

const everyMs = 100;
const deadlineMs = 2_000;
const heldPath = '/ticks';

/** On each worker: `nodePort` is that of a Service. `held`: a websocket at /ticks too. */
export async function startApplicationClient(lab: Lab, { nodePort, path = '/', held }: { nodePort: number; path?: string; held: boolean }): Promise<ApplicationClient> {
  const failures: FailedProbe[] = [];
  const open = new Set<Promise<void>>();
  let sent = 0;
  let slowestMs = 0;

  function ask(target: string, host: string): void {
    sent += 1;
    const asked = askOnce(host, nodePort, path).then(({ t, ms, status, error }) => {
      slowestMs = Math.max(slowestMs, ms);
      if (error === '') return;
      failures.push({ t, class: `nodePort ${nodePort}`, target, kind: 'fresh', ms, stage: 'request', ...(status === undefined ? {} : { status }), error });
    });
    open.add(asked);
    void asked.finally(() => open.delete(asked));
  }

  await untilServed(lab, { nodePort, path, held });
  const sockets = held ? await Promise.all(lab.workers.map(({ name, ip }) => holdWebsocket(name, ip, nodePort))) : [];
  const timers = lab.workers.map(({ name, ip }) => setInterval(() => ask(name, ip), everyMs));
  return {
    async end() {
      for (const timer of timers) clearInterval(timer);
      await Promise.all(open);
      return { sent, failures, slowestMs, websockets: sockets.map((socket) => socket.end()) };
    },
  };
}

/** Answers in a row, on each worker, after which the application counts as served: a Service has several pods behind it. */
const inARow = 20;

/**
 * Nodes that have just booted give their pods other addresses, and for some seconds Services still lead to those of before: until then nobody
 * is a customer. Throws after two minutes.
 */
async function untilServed(lab: Lab, { nodePort, path, held }: { nodePort: number; path: string; held: boolean }): Promise<void> {
  await waitFor(`port ${nodePort} of every worker to lead to its application`, { timeoutMs: 120_000, everyMs: 500 }, async () => {
    for (const { name, ip } of lab.workers) {
      for (let answers = 0; answers < inARow; answers += 1) {
        const { error } = await askOnce(ip, nodePort, path);
        if (error !== '') return `${name}: ${error}`;
        if (!held) continue;
        try {
          (await holdWebsocket(name, ip, nodePort)).end();
        } catch (refused) {
          return String(refused);
        }
      }
    }
    return true;
  });
}

interface Asked {
  readonly t: number;
  readonly ms: number;
  readonly status?: number;
  readonly error: string;
}

function askOnce(host: string, port: number, path: string): Promise<Asked> {
  const t = Date.now();
  const started = performance.now();
  return new Promise((resolve) => {
    const done = (error: string, status?: number): void => {
      clearTimeout(timer);
      asked.destroy();
      resolve({ t, ms: performance.now() - started, error, ...(status === undefined ? {} : { status }) });
    };
    const asked = request({ host, port, path, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      response.once('end', () => done(status === 200 ? '' : `status ${status}`, status));
      response.once('error', (error) => done(error.message));
    });
    const timer = setTimeout(() => done(`timed out after ${deadlineMs} ms`), deadlineMs);
    asked.once('error', (error) => done(error.message));
    asked.end();
  });
}

/** Opens it and counts what comes: `POD COUNT` each second, the count going up by one. */
function holdWebsocket(target: string, host: string, port: number): Promise<{ end(): WebsocketFelt }> {
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64'), Origin: `http://${host}` };
  const asked = request({ host, port, path: heldPath, headers, agent: false });
  return new Promise((resolve, reject) => {
    asked.once('error', reject);
    asked.once('response', (response) => reject(new Error(`${target}: no websocket, but ${response.statusCode}`)));
    asked.once('upgrade', (_response, socket: Socket, head) => resolve(countTicks(target, socket, head)));
    asked.end();
  });
}

function countTicks(target: string, socket: Socket, head: Buffer): { end(): WebsocketFelt } {
  let rest: Buffer = head;
  let ticks = 0;
  let longestSilenceMs = 0;
  let trouble = '';
  let heardAt = performance.now();
  let last = 0;
  const silence = (): void => {
    longestSilenceMs = Math.max(longestSilenceMs, performance.now() - heardAt);
    heardAt = performance.now();
  };
  const closed = (why: string): void => {
    if (trouble === '') trouble = `closed after ${ticks} ticks: ${why}`;
  };
  const take = (): void => {
    const { texts, left } = textFrames(rest);
    rest = left;
    for (const text of texts) {
      const count = Number(text.split(' ').at(-1));
      if (last > 0 && count !== last + 1 && trouble === '') trouble = `after tick ${last} came ${text}`;
      last = count;
      ticks += 1;
      silence();
    }
  };
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    take();
  });
  socket.once('end', () => closed('by the other side'));
  socket.once('error', (error) => closed(error.message));
  take();
  return {
    end() {
      silence();
      const felt = { target, ticks, longestSilenceMs, trouble };
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
      return felt;
    },
  };
}

/** Whole text frames of a server (RFC 6455, 5.2): not masked, and none of ours is longer than 125 bytes. */
export function textFrames(bytes: Buffer): { readonly texts: readonly string[]; readonly left: Buffer } {
  const texts: string[] = [];
  let at = 0;
  while (bytes.length >= at + 2) {
    const length = (bytes[at + 1] ?? 0) & 0x7f;
    if (length > 125) throw new Error('a frame of the websocket is longer than it could be');
    if (bytes.length < at + 2 + length) break;
    if (((bytes[at] ?? 0) & 0x0f) === 1) texts.push(bytes.subarray(at + 2, at + 2 + length).toString('utf8'));
    at += 2 + length;
  }
  return { texts, left: bytes.subarray(at) };
}

/** For a test to hold against `nothingLost`. What only a machine that stood still can explain is not the cluster's fault. */
export function lostOf({ failures, websockets }: ApplicationFelt, stalls: readonly Stall[]): unknown {
  return { lost: blame(failures, stalls).cluster, websockets: websockets.map(({ target, trouble }) => `${target}: ${trouble}`) };
}

export function nothingLost(lab: Lab): unknown {
  return { lost: [], websockets: lab.workers.map(({ name }) => `${name}: `) };
}

export function describeApplication(felt: ApplicationFelt, stalls: readonly Stall[]): string {
  const { cluster, machine }: Blame = blame(felt.failures, stalls);
  const websockets = felt.websockets.map(
    ({ target, ticks, longestSilenceMs, trouble }) => `${target} ${ticks} ticks, longest silence ${(longestSilenceMs / 1000).toFixed(1)} s${trouble === '' ? '' : `, ${trouble}`}`,
  );
  return [
    `${felt.sent} requests, ${cluster.length} lost, ${machine.length} while the machine stood still; slowest ${felt.slowestMs.toFixed(0)} ms${websockets.length === 0 ? '' : `; websockets: ${websockets.join('; ')}`}`,
    ...cluster.slice(0, 10).map((one) => `  ${JSON.stringify(one)}`),
  ].join('\n');
}
