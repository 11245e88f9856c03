/** The secure port of kube-controller-manager and kube-scheduler: a self-signed certificate in memory, health without credentials, the rest for those who prove themselves. */

import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { signLeaf, makeCa } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { userOf } from '../kubelet/client-certificate.js';
import type { CertPool } from '../api/verify-client.js';

export interface SecurePort {
  close(): Promise<void>;
}

export interface SecurePortOptions {
  readonly address: string;
  readonly port: number;
  /** What verifies client certificates now; undefined: none is accepted. */
  readonly clientCa: () => CertPool | undefined;
  readonly now: () => number;
  readonly metrics: () => string;
}

const health = new Set(['/healthz', '/livez', '/readyz']);
const readers = ['system:masters', 'kubeadm:cluster-admins'];

/** Throws as the component does when the port is taken. */
export async function openSecurePort(options: SecurePortOptions): Promise<SecurePort> {
  const { cert, key } = await selfSigned(options.now());
  const sockets = new Set<Socket>();
  const server: Server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (request, response) => answer(options, request, response));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Error(
          `failed to create listener: failed to listen on ${options.address}:${options.port}: listen tcp ${options.address}:${options.port}: bind: ${error.code === 'EADDRINUSE' ? 'address already in use' : error.message}`,
        ),
      ),
    );
    server.listen(options.port, options.address, resolve);
  });
  return {
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

function answer(options: SecurePortOptions, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const [status, body] = verdict(options, path, request.socket as TLSSocket);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}

function verdict(options: SecurePortOptions, path: string, socket: TLSSocket): readonly [status: number, body: string] {
  // --authorization-always-allow-paths: /healthz,/readyz,/livez.
  if (health.has(path)) return [200, 'ok'];
  const user = userOf(socket, options.clientCa(), options.now());
  if (user === 'refused') return [401, 'Unauthorized'];
  if (user === 'none' || !user.groups.some((group) => readers.includes(group))) {
    return [403, `forbidden: User "${user === 'none' ? 'system:anonymous' : user.name}" cannot get path "${path}"`];
  }
  return path === '/metrics' ? [200, options.metrics()] : [404, '404 page not found'];
}

let shared: Promise<{ readonly cert: string; readonly key: string }> | undefined;

/** localhost@<unix>, under a CA that nobody has (apiserver: pkg/server/options/serving.go MaybeDefaultWithSelfSignedCerts). One for all in this process: nothing verifies it. */
function selfSigned(nowMs: number): Promise<{ readonly cert: string; readonly key: string }> {
  shared ??= (async () => {
    const seconds = Math.floor(nowMs / 1000);
    const validity = { notBeforeMs: nowMs - 3600_000, notAfterMs: nowMs + 365 * 24 * 3600_000 };
    const [ca, pair] = await Promise.all([makeCa({ subject: { commonName: `localhost-ca@${seconds}` }, ...validity }), makeKeyPair('ecdsa-p256')]);
    const csrPem = await makeRequest({ privateKeyPem: pair.privateKeyPem, subject: { commonName: `localhost@${seconds}` }, sans: ['DNS:localhost', 'IP:127.0.0.1'] });
    const leaf = await signLeaf({ ca, csrPem, usages: ['serverAuth'], ...validity });
    return { cert: `${leaf}${ca.certificatePem}`, key: pair.privateKeyPem.reveal().toString('utf8') };
  })();
  return shared;
}
