/** A TLS server on loopback that speaks enough of the Kubernetes API for the tests of this folder: objects by path, paging, and whatever a test scripts. */

import { once } from 'node:events';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Secret } from '../../domain/secret.js';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** CN of a client certificate that verified; undefined without one. */
  readonly client: string | undefined;
}

/** `silent`: never answers. `cut`: closes the connection instead. */
export type Reply = { readonly status: number; readonly body?: unknown; readonly text?: string } | 'silent' | 'cut';

export interface KubeApi {
  readonly url: string;
  /** By path, as the API would return them. */
  readonly objects: Map<string, Record<string, unknown>>;
  readonly seen: Seen[];
  /** TLS handshakes since the start. */
  connections(): number;
  /** Answers in place of the store; undefined: the store answers. */
  script(reply: (seen: Seen) => Reply | undefined): void;
  /** New connections are answered with this certificate. */
  useCertificate(credential: { certificatePem: string; key: Secret }): void;
  close(): Promise<void>;
}

export interface KubeApiOptions {
  readonly certificatePem: string;
  readonly key: Secret;
  /** Client certificates of these CAs are accepted, others get 401. Default: any or none will do. */
  readonly clientCaPem?: string;
}

export async function startKubeApi(options: KubeApiOptions): Promise<KubeApi> {
  const objects = new Map<string, Record<string, unknown>>();
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  let scripted: (seen: Seen) => Reply | undefined = () => undefined;
  let connections = 0;

  const clientCa = options.clientCaPem === undefined ? {} : { ca: options.clientCaPem };
  const server = https.createServer({ cert: options.certificatePem, key: options.key.reveal(), ...clientCa, requestCert: true, rejectUnauthorized: false });
  server.on('secureConnection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const url = new URL(request.url ?? '/', 'https://loopback');
    const socket = request.socket as TLSSocket;
    const subject = socket.getPeerCertificate()?.subject as { CN?: string } | undefined;
    const one: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
      client: options.clientCaPem === undefined || socket.authorized ? subject?.CN : undefined,
    };
    seen.push(one);
    const reply =
      scripted(one) ??
      (options.clientCaPem !== undefined && !socket.authorized && request.headers.authorization === undefined
        ? status(401, 'Unauthorized', 'Unauthorized')
        : fromStore(objects, one));
    if (reply === 'silent') return;
    if (reply === 'cut') {
      socket.destroy();
      return;
    }
    response.writeHead(reply.status, { 'content-type': reply.text === undefined ? 'application/json' : 'text/plain' });
    response.end(reply.text ?? JSON.stringify(reply.body ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');

  return {
    url: `https://127.0.0.1:${address.port}`,
    objects,
    seen,
    connections: () => connections,
    script: (reply) => {
      scripted = reply;
    },
    useCertificate: (credential) => server.setSecureContext({ cert: credential.certificatePem, key: credential.key.reveal(), ...clientCa }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A `Status`, as the API sends it with an error. */
export function status(code: number, reason: string, message: string): Reply {
  return { status: code, body: { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason, message } };
}

function fromStore(objects: Map<string, Record<string, unknown>>, { method, path, query, body }: Seen): Reply {
  const found = objects.get(path);
  if (method === 'POST' && path.split('/').length > 2) {
    const made = JSON.parse(body) as { metadata: { name: string } };
    objects.set(`${path}/${made.metadata.name}`, made as unknown as Record<string, unknown>);
    return { status: 201, body: made };
  }
  if (method === 'GET' && found === undefined && [...objects.keys()].some((key) => key.startsWith(`${path}/`))) return page(objects, path, query);
  if (found === undefined) return status(404, 'NotFound', `${path} not found`);
  if (method === 'PUT') objects.set(path, JSON.parse(body) as Record<string, unknown>);
  if (method === 'PATCH') objects.set(path, { ...found, ...(JSON.parse(body) as Record<string, unknown>) });
  if (method === 'DELETE') objects.delete(path);
  return { status: 200, body: objects.get(path) ?? { kind: 'Status', status: 'Success' } };
}

/** Items without apiVersion and kind, as the real one. */
function page(objects: Map<string, Record<string, unknown>>, path: string, query: URLSearchParams): Reply {
  const all = [...objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, { apiVersion: _a, kind: _k, ...item }]) => item);
  const from = Number(query.get('continue') ?? 0);
  const to = from + Number(query.get('limit') ?? all.length);
  return { status: 200, body: { kind: 'List', metadata: to < all.length ? { continue: String(to) } : {}, items: all.slice(from, to) } };
}
