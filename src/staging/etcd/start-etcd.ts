/** An etcd member: its two TLS ports, its streams to the other members, and what it tells those who are connected. */

import type { TLSSocket } from 'node:tls';
import { isIP } from 'node:net';
import { etcdBundle, keyPair, readFile } from '../api/cert-files.js';
import { certPool, type CertPool } from '../api/verify-client.js';
import type { ComponentStart, RunningComponent, StartComponent } from '../component.js';
import type { Certificate } from '../../domain/pki/certificate.js';
import { answerEtcdctl } from './etcdctl.js';
import { answerEtcdutl } from './etcdutl.js';
import { dial } from './tls-dial.js';
import { etcdClusterOf, type Member, memberNodes } from './etcd-cluster.js';
import { type Door, openDoor } from './tls-door.js';

/** rafthttp's stream reader tries again every 100 ms; slower here, because a rehearsal on two cores has other work. */
const redialMs = 1_000;
const dialTimeoutMs = 5_000;

/**
 * Flags: listen-client-urls, listen-peer-urls (ports), cert-file, key-file, trusted-ca-file, peer-cert-file, peer-key-file, peer-trusted-ca-file.
 * Load policies of etcd client/pkg/transport/listener.go: pairs at each handshake, pools once.
 */
export const startEtcd: StartComponent = async (start) => {
  const { context, node, process, flags } = start;
  const log = logger(start);
  if (context.faults.etcd.has(node.name)) {
    throw new Error(jsonLine('fatal', 'failed to verify WAL', { caller: 'etcdserver/bootstrap.go:698', error: 'walpb: crc mismatch', member: node.name }));
  }
  const pools = { client: poolOf(start, 'trusted-ca-file'), peer: poolOf(start, 'peer-trusted-ca-file') };
  const pairs = { client: pairOf(start, 'cert-file', 'key-file'), peer: pairOf(start, 'peer-cert-file', 'peer-key-file') };
  for (const pair of Object.values(pairs)) attempt(pair);
  const nowMs = (): number => context.clock.now() + node.skewMs;
  const cluster = etcdClusterOf(context);
  const clients = new Set<TLSSocket>();
  const incoming = new Map<string, Set<TLSSocket>>();
  const outgoing = new Map<string, TLSSocket>();
  const ending = new AbortController();
  let crash: (why: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    crash = resolve;
  });

  // etcdmain/etcd.go: systemd is told when the member has published itself, for which it needs a leader.
  let tellReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    tellReady = resolve;
  });

  const me: Member = {
    name: node.name,
    get peers() {
      return new Set([...outgoing.keys(), ...[...incoming].filter(([, sockets]) => sockets.size > 0).map(([name]) => name)]);
    },
    changed: () => {
      if (cluster.stateOf(node.name).quorum) tellReady();
      const line = stateLine();
      for (const socket of clients) socket.write(line);
    },
  };
  const stateLine = (): string => `${JSON.stringify(cluster.stateOf(node.name))}\n`;

  const clientPort = portOf(flags['listen-client-urls'], 2379);
  const peerPort = portOf(flags['listen-peer-urls'], 2380);
  const doors: Door[] = [];
  try {
    doors.push(
      await openDoor({
        address: node.address,
        port: peerPort,
        pair: pairs.peer,
        pool: pools.peer,
        nowMs,
        alsoDemands: wrongAddress,
        onConnection: (socket) => welcomePeer(socket),
        onRejected: (remote, why) => log('warn', 'rejected connection on peer endpoint', { 'remote-addr': remote, 'server-name': '', error: why }),
      }),
    );
    doors.push(
      await openDoor({
        address: node.address,
        port: clientPort,
        pair: pairs.client,
        pool: pools.client,
        nowMs,
        onConnection: (socket) => {
          clients.add(socket);
          socket.on('close', () => clients.delete(socket));
          // Anything that is asked is answered with what it is just now: a ping, and `endpoint status`.
          socket.on('data', () => socket.write(stateLine()));
          socket.write(stateLine());
        },
        onRejected: (remote, why) => log('warn', 'rejected connection on client endpoint', { 'remote-addr': remote, 'server-name': '', error: why }),
      }),
    );
  } catch (error) {
    for (const door of doors) await door.close();
    throw new Error(jsonLine('fatal', 'discovery failed', { error: error instanceof Error ? error.message : String(error) }), { cause: error });
  }
  // The programs of etcd's image, and of nodes that have them.
  node.command('etcdctl', (call) => answerEtcdctl(context, node, call));
  node.command('etcdutl', (call) => answerEtcdutl(node, call));
  process.listens(clientPort);
  process.listens(peerPort);

  /** The first line names the member that dials. */
  function welcomePeer(socket: TLSSocket): void {
    let text = '';
    let name: string | undefined;
    socket.write(`${node.name}\n`);
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
      if (name !== undefined || !text.includes('\n')) return;
      name = text.slice(0, text.indexOf('\n'));
      const sockets = incoming.get(name) ?? new Set();
      incoming.set(name, sockets.add(socket));
      cluster.linksChanged();
    });
    socket.on('close', () => {
      if (name === undefined) return;
      incoming.get(name)?.delete(socket);
      if (!ending.signal.aborted) cluster.linksChanged();
    });
  }

  async function keepStreamTo(peer: { readonly name: string; readonly address: string }): Promise<void> {
    let told = '';
    while (!ending.signal.aborted) {
      try {
        const socket = await dial({
          address: peer.address,
          port: peerPort,
          host: peer.address,
          localAddress: node.address,
          pair: pairs.peer,
          pool: pools.peer ?? certPool([]),
          nowMs,
          timeoutMs: dialTimeoutMs,
        });
        if (ending.signal.aborted) socket.destroy();
        await stream(peer.name, socket);
        told = '';
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (why !== told)
          log('warn', 'prober detected unhealthy status', { 'round-tripper-name': 'ROUND_TRIPPER_RAFT_MESSAGE', 'remote-peer-id': peer.name, rtt: '0s', error: why });
        told = why;
      }
      await context.clock.wait(redialMs, ending.signal);
    }
  }

  /** Counts only after the other side has spoken: with TLS 1.3 it may refuse our certificate after the handshake. */
  function stream(name: string, socket: TLSSocket): Promise<void> {
    return new Promise((resolve, reject) => {
      let heard = false;
      socket.write(`${node.name}\n`);
      socket.on('data', () => {
        if (heard) return;
        heard = true;
        outgoing.set(name, socket);
        cluster.linksChanged();
      });
      socket.on('close', () => {
        if (outgoing.get(name) === socket) outgoing.delete(name);
        if (!ending.signal.aborted) cluster.linksChanged();
        if (heard) resolve();
        else reject(new Error('remote error: tls: unknown certificate authority'));
      });
    });
  }

  cluster.join(me);
  const watched = new Set<string>([node.name]);
  const dialNew = (): void => {
    for (const peer of memberNodes(context)) {
      if (watched.has(peer.name)) continue;
      watched.add(peer.name);
      void keepStreamTo(peer);
    }
  };
  dialNew();
  const offMembers = context.clock.every(redialMs, dialNew);
  log('info', 'ready to serve client requests', {});

  const running: RunningComponent = {
    ended,
    ready,
    async stop() {
      ending.abort();
      offMembers();
      for (const socket of outgoing.values()) socket.destroy();
      outgoing.clear();
      await Promise.all(doors.map((door) => door.close()));
      incoming.clear();
      cluster.leave(me);
      crash('stopped');
    },
  };
  return running;
};

/** client/pkg/transport/listener_tls.go checkCertSAN: a peer whose certificate has addresses must come from one of them. */
function wrongAddress(leaf: Certificate, socket: TLSSocket): string | undefined {
  const remote = socket.remoteAddress ?? '';
  const ips = leaf.record.sans.filter((san) => san.startsWith('IP:')).map((san) => san.slice(3));
  if (isIP(remote) === 0 || leaf.record.sans.length === 0 || ips.includes(remote)) return undefined;
  return `tls: "${remote}" does not match any of DNSNames [${leaf.record.sans
    .filter((san) => san.startsWith('DNS:'))
    .map((san) => JSON.stringify(san.slice(4)))
    .join(' ')}]`;
}

function poolOf(start: ComponentStart, flag: string): CertPool | undefined {
  const path = start.flags[flag];
  return path === undefined ? undefined : certPool(attempt(() => etcdBundle(readFile(start.process, path).toString('utf8'))));
}

function pairOf(start: ComponentStart, certFlag: string, keyFlag: string): () => { cert: string; key: string } {
  const [cert, key] = [start.flags[certFlag] ?? '', start.flags[keyFlag] ?? ''];
  return () => keyPair(readFile(start.process, cert), readFile(start.process, key));
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(jsonLine('fatal', 'discovery failed', { caller: 'etcdmain/etcd.go:184', error: error instanceof Error ? error.message : String(error) }), { cause: error });
  }
}

function portOf(urls: string | undefined, otherwise: number): number {
  const port = /:(\d+)\/?$/.exec((urls ?? '').split(',')[0] ?? '')?.[1];
  return port === undefined ? otherwise : Number(port);
}

function logger(start: ComponentStart): (level: string, message: string, fields: Readonly<Record<string, unknown>>) => void {
  return (level, message, fields) => start.log(jsonLine(level, message, fields));
}

function jsonLine(level: string, message: string, fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ level, ts: new Date().toISOString(), msg: message, ...fields });
}
