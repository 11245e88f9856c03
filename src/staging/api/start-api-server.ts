/** kube-apiserver: an https server on the node's address that loads its files by the load policies of the real one. */

import { createServer as createHttpsServer } from 'node:https';
import { createServer, type Socket } from 'node:net';
import type { ComponentStart, RunningComponent, StartComponent } from '../component.js';
import { connectMember, type MemberConnection } from '../etcd/member-connection.js';
import { poolMembers } from '../etcd/member-pool.js';
import { listen } from '../listen.js';
import { timings } from '../timings.js';
import { openAuditLog } from './audit-log.js';
import { createAuthenticator } from './authenticate.js';
import { etcdBundle, keyPair, kubernetesBundle, type PairPem, readFile } from './cert-files.js';
import { keepExtensionTrust } from './extension-trust.js';
import { openDoors } from './doors.js';
import { createHotFiles, type HotFiles } from './hot-files.js';
import { kubeletAccess } from './kubelet-access.js';
import { patience } from './patience.js';
import type { ServedApi } from './served-api.js';
import { serveRequest } from './serve-request.js';
import { signingKey, type TokenKey, verifyKeys } from './service-account-tokens.js';
import { certPool } from './verify-client.js';
import { createWatchHub } from './watch-hub.js';

/** k/k pkg/controlplane: storage must answer within this at start. */
const etcdStartMs = 20_000;
const etcdStartWallMs = 10_000;
/** Minor release since which a client certificate has a credential id (k/k #125634). */
const certificatesNamedSince = 32;
/** Go's http.Server of the API server: IdleTimeout. */
const idleMs = 90_000;

/** Flags of a kubeadm manifest; `secure-port` 6443. Throws with the line that the real one logs when a file is missing, broken, or etcd does not answer. */
export const startApiServer: StartComponent = async (start) => {
  const { context, node, process, flags } = start;
  const port = Number(flags['secure-port'] ?? '6443');
  const nowMs = (): number => context.clock.now() + node.skewMs;
  const hot = createHotFiles({ process, node, clock: context.clock, log: start.log });
  let etcd: MemberConnection | undefined;
  try {
    const loaded = loadFiles(start, hot);
    const audit = openAuditLog(start, nowMs);
    etcd = connectEtcd(start, nowMs, () => api.watches.catchUp());
    const member = etcd;
    const kubelets = kubeletAccess({ clock: context.clock, pair: loaded.kubeletPair, pool: loaded.kubeletPool, nowMs, localAddress: node.address });
    const authenticator = createAuthenticator({
      store: context.store,
      clientCa: () => loaded.clientCa.current,
      requestHeaderCa: () => loaded.headerCa?.current ?? [],
      requestHeaderNames: list(flags['requestheader-allowed-names']),
      keys: loaded.keys,
      issuers: loaded.issuers,
      audiences: loaded.audiences,
      namesCertificates: Number(/^v1\.(\d+)/.exec(context.spec.version)?.[1] ?? '0') >= certificatesNamedSince,
      nowMs,
      tokenCacheMs: timings.tokenCacheMs / context.clock.speed,
      log: start.log,
    });
    const watches = createWatchHub(context.store, () => member.healthy);
    const api: ServedApi = {
      context,
      store: context.store,
      node,
      etcd: member,
      authenticator,
      verifyKeys: loaded.keys,
      signingKey: loaded.signing,
      issuers: loaded.issuers,
      audiences: loaded.audiences,
      kubelets,
      watches,
      audit,
      nowMs,
    };
    if (!(await member.wait(patience(context.clock, etcdStartMs, etcdStartWallMs)))) throw new Error('context deadline exceeded');
    const listener = await openListener(start, api, port, loaded.serving);
    const trust = keepExtensionTrust({
      store: context.store,
      clock: context.clock,
      nowMs,
      isHealthy: () => member.healthy,
      clientCa: () => loaded.clientCa.current,
      requestHeaderCa: () => loaded.headerCa?.current ?? [],
      requestHeader: {
        allowedNames: list(flags['requestheader-allowed-names']),
        extraHeaderPrefixes: list(flags['requestheader-extra-headers-prefix']),
        groupHeaders: list(flags['requestheader-group-headers']),
        usernameHeaders: list(flags['requestheader-username-headers']),
      },
    });
    loaded.onTrustChanged(() => trust.sync());
    process.listens(port, listener.peers);
    return running(async () => {
      hot.stop();
      trust.stop();
      watches.stop();
      member.stop();
      kubelets.stop();
      await listener.close();
    });
  } catch (error) {
    hot.stop();
    etcd?.stop();
    throw new Error(`"command failed" err="${error instanceof Error ? error.message : String(error)}"`, { cause: error });
  }
};

function running(end: () => Promise<void>): RunningComponent {
  let tell: (why: string) => void = () => undefined;
  const ended = new Promise<string>((resolve) => {
    tell = resolve;
  });
  return {
    ended,
    async stop() {
      await end();
      tell('stopped');
    },
  };
}

function loadFiles(start: ComponentStart, hot: HotFiles) {
  const { process, flags } = start;
  const path = (flag: string): string => flags[flag] ?? '';
  let trustChanged = (): void => undefined;
  const bundle = (flag: string) =>
    attempt(`unable to load client CA provider`, () =>
      hot.watch(
        [path(flag)],
        ([bytes]) => {
          try {
            return kubernetesBundle(bytes?.toString('utf8') ?? '');
          } catch (error) {
            throw new Error(`unable to load CA bundle "${path(flag)}": ${error instanceof Error ? error.message : String(error)}`);
          }
        },
        () => {
          start.log(`"Loaded a new CA Bundle and Verifier" name="${flag === 'client-ca-file' ? 'client-ca-bundle' : 'request-header'}::${path(flag)}"`);
          trustChanged();
        },
      ),
    );
  const pairReader = (certFlag: string, keyFlag: string) => (): PairPem => keyPair(readFile(process, path(certFlag)), readFile(process, path(keyFlag)));
  const text = (one: string): string => readFile(process, one).toString('utf8');

  const serving = hot.watch(
    [path('tls-cert-file'), path('tls-private-key-file')],
    ([cert, key]) => keyPair(cert as Buffer, key as Buffer),
    () => start.log(`"Loaded a new cert/key pair" name="serving-cert::${path('tls-cert-file')}::${path('tls-private-key-file')}"`),
  );
  const clientCa = bundle('client-ca-file');
  const headerCa = flags['requestheader-client-ca-file'] === undefined ? undefined : bundle('requestheader-client-ca-file');
  const kubeletPair = pairReader('kubelet-client-certificate', 'kubelet-client-key');
  kubeletPair();
  const authority = flags['kubelet-certificate-authority'];
  const kubeletPool = authority === undefined ? undefined : certPool(kubernetesBundle(text(authority)));
  const keys: TokenKey[] = list(flags['service-account-key-file']).flatMap((file) => attempt(`error reading public key file ${file}`, () => verifyKeys(text(file))));
  const signing = attempt('failed to parse service-account-issuer-key-file', () => signingKey(text(path('service-account-signing-key-file'))));
  const issuers = list(flags['service-account-issuer']);
  const audiences = flags['api-audiences'] === undefined ? issuers : list(flags['api-audiences']);
  return {
    serving,
    clientCa,
    headerCa,
    kubeletPair,
    kubeletPool,
    keys,
    signing,
    issuers,
    audiences,
    onTrustChanged: (listener: () => void) => {
      trustChanged = listener;
    },
  };
}

/** Stacked: the member of the own node. 127.0.0.1 is every node's own address here. */
function connectEtcd(start: ComponentStart, nowMs: () => number, onHealthy: () => void): MemberConnection {
  const servers = list(start.flags['etcd-servers'] ?? 'https://127.0.0.1:2379');
  return poolMembers(servers.map((server) => connectTo(new URL(server), start, nowMs, onHealthy)));
}

function connectTo(url: URL, start: ComponentStart, nowMs: () => number, onHealthy: () => void): MemberConnection {
  const { context, node, process, flags } = start;
  const [cert, key] = [flags['etcd-certfile'] ?? '', flags['etcd-keyfile'] ?? ''];
  const pool = certPool(etcdBundle(readFile(process, flags['etcd-cafile'] ?? '').toString('utf8')));
  return connectMember({
    clock: context.clock,
    address: url.hostname === '127.0.0.1' || url.hostname === 'localhost' ? node.address : url.hostname,
    port: Number(url.port === '' ? '2379' : url.port),
    host: url.hostname,
    localAddress: node.address,
    pair: () => keyPair(readFile(process, cert), readFile(process, key)),
    pool,
    nowMs,
    onHealthy,
    log: start.log,
  });
}

async function openListener(
  start: ComponentStart,
  api: ServedApi,
  port: number,
  serving: { readonly current: PairPem },
): Promise<{ close(): Promise<void>; peers(): readonly string[] }> {
  const sockets = new Set<Socket>();
  // TLS only asks for a certificate: it is judged at each request, by Go's rules.
  const server = createHttpsServer({ ca: [], requestCert: true, rejectUnauthorized: false, keepAliveTimeout: idleMs, requestTimeout: 0, headersTimeout: 0 });
  server.on('request', (request, response) => void serveRequest(api, request, response));
  server.on('tlsClientError', (error, socket) => start.log(`http: TLS handshake error from ${socket.remoteAddress ?? ''}:${socket.remotePort ?? ''}: ${error.message}`));
  server.on('secureConnection', (socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
  });
  let shown: PairPem | undefined;
  const accept = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    const pair = serving.current;
    if (pair !== shown) server.setSecureContext({ ca: [], cert: pair.cert, key: pair.key });
    shown = pair;
    server.emit('connection', socket);
  };
  const tcp = createServer(accept);
  try {
    await listen(tcp, port, start.node.address);
  } catch (error) {
    throw new Error(`failed to create listener: failed to listen on ${start.node.address}:${port}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const shut = openDoors(start.node.address, accept);
  const front = start.context.spec.loadBalancer.address;
  return {
    // What comes through a side door comes from the load balancer.
    peers: () => [...sockets].map((socket) => `${socket.remoteAddress ?? front}:${socket.remotePort ?? 0}`),
    close: () =>
      new Promise((resolve) => {
        shut();
        tcp.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function list(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((part) => part !== '');
}
