/** The HTTPS server of a kubelet on :10250: client certificates and tokens are judged at every request (k/k pkg/kubelet/server/server.go, auth.go). */

import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { PairPem } from '../api/cert-files.js';
import type { CertPool } from '../api/verify-client.js';
import { type User, userOf } from './client-certificate.js';

export const kubeletPort = 10250;

export interface KubeletServer {
  /** undefined: handshakes fail until there is one. */
  present(pair: PairPem | undefined): void;
  close(): Promise<void>;
}

export interface KubeletServerOptions {
  readonly address: string;
  readonly pair: PairPem | undefined;
  /** The bundle that is loaded now; undefined: no certificate is accepted. */
  readonly clientCa: () => CertPool | undefined;
  readonly allowsAnonymous: boolean;
  /** Asks the API who a token is. undefined: refused. Throws if the API could not be asked. */
  readonly reviewToken: (token: string) => Promise<User | undefined>;
  /** The clock of the node, Unix ms. */
  readonly now: () => number;
  readonly pods: () => readonly unknown[];
  /** undefined: there is no such container. */
  readonly logs: (namespace: string, pod: string, container: string) => readonly string[] | undefined;
  readonly metrics: () => string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
}

/** What the API server's authorizer allows on nodes/proxy by default: its own identity has the second group (kubeadm 1.29 and later). */
const mayAll = ['system:masters', 'kubeadm:cluster-admins'];
/** Where the identity of the API servers has no group, a ClusterRoleBinding of clusters made by hand names it (kubernetes-the-hard-way: kube-apiserver-to-kubelet). */
const mayAllByName = ['kube-apiserver'];

/** Throws as the kubelet logs it when the port is taken. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ ...context(options.pair), requestCert: true, rejectUnauthorized: false }, (request, response) => {
    answer(options, request)
      .catch((error: unknown) => ({ status: 500, body: `Internal Error: ${error instanceof Error ? error.message : String(error)}` }) as Answer)
      .then(({ status, body, type }) => {
        response.writeHead(status, { 'content-type': type ?? 'text/plain; charset=utf-8' }).end(body);
      })
      .catch(() => response.destroy());
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
  });
  // A client that gives up a handshake is no trouble of ours.
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`Failed to listen and serve: ${error.message}`)));
    server.listen(kubeletPort, options.address, resolve);
  });
  return {
    present: (pair) => server.setSecureContext(context(pair)),
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

function context(pair: PairPem | undefined): { readonly cert?: string; readonly key?: string } {
  return pair === undefined ? {} : { cert: pair.cert, key: pair.key };
}

async function answer(options: KubeletServerOptions, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const user = await authenticate(options, request);
  if (user === undefined) return { status: 401, body: 'Unauthorized' };
  const verb = verbOf(request.method ?? 'GET');
  const subresources = subresourcesOf(url.pathname);
  if (!mayAllByName.includes(user.name) && !user.groups.some((group) => mayAll.includes(group))) {
    return { status: 403, body: `Forbidden (user=${user.name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n` };
  }
  return route(options, url);
}

/** A credential that is refused is never downgraded to anonymous. */
async function authenticate(options: KubeletServerOptions, request: IncomingMessage): Promise<User | undefined> {
  const byCertificate = userOf(request.socket as TLSSocket, options.clientCa(), options.now());
  if (typeof byCertificate !== 'string') return byCertificate;
  const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  if (token !== undefined) return options.reviewToken(token).catch(() => undefined);
  if (byCertificate === 'refused' || !options.allowsAnonymous) return undefined;
  return { name: 'system:anonymous', groups: ['system:unauthenticated'] };
}

function route(options: KubeletServerOptions, url: URL): Answer {
  const path = url.pathname.replace(/\/$/, '');
  if (path === '/pods' || path === '/runningpods')
    return { status: 200, body: JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: options.pods() }), type: 'application/json' };
  if (path === '/healthz' || path.startsWith('/healthz/')) return { status: 200, body: 'ok' };
  if (path === '/metrics') return { status: 200, body: options.metrics() };
  const [, namespace, pod, container] = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  if (namespace === undefined || pod === undefined || container === undefined) return { status: 404, body: '404 page not found\n' };
  const lines = options.logs(namespace, pod, container);
  if (lines === undefined) return { status: 404, body: `pod ${pod} or container ${container} does not exist` };
  const tail = Number(url.searchParams.get('tailLines') ?? lines.length);
  return {
    status: 200,
    body: lines
      .slice(Math.max(0, lines.length - tail))
      .map((line) => `${line}\n`)
      .join(''),
  };
}

/** auth.go GetRequestAttributes, with the fine-grained subresources of 1.33 and later in front. */
function subresourcesOf(path: string): string[] {
  const is = (prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);
  if (is('/stats')) return ['stats'];
  if (is('/metrics')) return ['metrics'];
  if (is('/logs')) return ['log'];
  if (is('/checkpoint')) return ['checkpoint'];
  const fine = is('/pods') || is('/runningpods') ? ['pods'] : is('/healthz') ? ['healthz'] : is('/configz') ? ['configz'] : [];
  return [...fine, 'proxy'];
}

function verbOf(method: string): string {
  const verbs: Readonly<Record<string, string>> = { POST: 'create', GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
  return verbs[method] ?? '';
}
