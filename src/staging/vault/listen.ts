/** The HTTPS end of a Vault: sockets, headers, certificates. */

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { pemOf, splitPem } from '../../domain/pki/pem.js';
import { makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import type { Answer } from './answer.js';
import type { VaultCore } from './vault-core.js';
import { callOf } from './http-call.js';

export interface VaultTlsFiles {
  /** Server certificate, with its chain behind it. PEM. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** What a client must trust; the last certificate of the chain without. */
  readonly caPem?: string;
}

export interface ListenOptions {
  readonly address: string;
  /** 0: any. */
  readonly port: number;
  /** Without: a CA of its own, and a certificate of it for the address. */
  readonly tls?: VaultTlsFiles | undefined;
}

export interface Listening {
  readonly url: string;
  readonly caPem: string;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Resolves when it listens. Rejects when the port is taken (EADDRINUSE). */
export async function listen(core: VaultCore, options: ListenOptions): Promise<Listening> {
  const tls = options.tls ?? (await ownTls(options.address, core.now()));
  const sockets = new Set<Socket>();
  const server = createServer({ cert: tls.certificatePem, key: tls.keyPem }, (request, response) => void serve(core, request, response));
  server.on('connection', (socket: Socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.listen(options.port, options.address);
  await once(server, 'listening');
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : options.port;
  return {
    url: `https://${options.address}:${port}`,
    caPem: tls.caPem ?? lastOf(tls.certificatePem),
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

async function serve(core: VaultCore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const call = await callOf(request);
    send(response, 'status' in call ? call : await core.handle(call), request.method === 'HEAD');
  } catch (error) {
    if (response.destroyed || request.destroyed) return;
    // A defect of ours: told as the real one tells one of its own, with the text for whoever looks into it.
    send(response, { status: 500, body: { errors: [`internal error: ${error instanceof Error ? error.message : String(error)}`] } }, false);
  }
}

function send(response: ServerResponse, { status, body, raw }: Answer, headOnly: boolean): void {
  const headers = { 'cache-control': 'no-store', 'strict-transport-security': 'max-age=31536000; includeSubDomains' };
  if (raw !== undefined) {
    response.writeHead(status, { ...headers, 'content-type': raw.contentType });
    response.end(headOnly ? undefined : raw.text);
    return;
  }
  response.writeHead(status, { ...headers, 'content-type': 'application/json' });
  response.end(body === undefined || headOnly ? undefined : `${JSON.stringify(body)}\n`);
}

async function ownTls(address: string, nowMs: number): Promise<VaultTlsFiles> {
  const validity = { notBeforeMs: nowMs - 3_600_000, notAfterMs: nowMs + 3_650 * 86_400_000 };
  const ca = await makeCa({ subject: { commonName: 'staging-vault-ca' }, ...validity });
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  const sans = [isIP(address) === 0 ? `DNS:${address}` : `IP:${address}`, 'DNS:localhost'];
  const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'staging-vault' }, sans });
  const certificatePem = await signLeaf({ ca, csrPem, usages: ['serverAuth'], ...validity });
  return { certificatePem, keyPem: privateKeyPem.reveal().toString('utf8'), caPem: ca.certificatePem };
}

function lastOf(chain: string): string {
  const last = splitPem(chain).blocks.at(-1);
  return last === undefined ? chain : pemOf('CERTIFICATE', last.bytes);
}
