/** A Vault-shaped HTTPS server on loopback: each path answers as it is told, mostly with what a real Vault was recorded to say. */

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTlsFiles } from './tls-files.js';

export interface Reply {
  readonly status: number;
  readonly body?: unknown;
}

export interface SeenRequest {
  /** "POST sys/capabilities-self". */
  readonly call: string;
  readonly token: string;
  readonly namespace: string;
  readonly body: Record<string, unknown>;
}

/** 'hang': no answer ever. 'cut': the connection is cut. */
export type Route = Reply | 'hang' | 'cut' | ((request: SeenRequest) => Reply | 'hang' | 'cut' | Promise<Reply>);

export interface VaultServer {
  readonly address: string;
  readonly caFile: string;
  /** Folder for files of the test; goes with the server. */
  readonly folder: string;
  readonly routes: Map<string, Route>;
  readonly seen: SeenRequest[];
  connections(): number;
  stop(): Promise<void>;
}

/** An answer recorded from a real Vault: fixtures/transcripts/vault/NAME.json. */
export function recorded(name: string): Reply {
  return JSON.parse(readFileSync(`fixtures/transcripts/vault/${name}.json`, 'utf8')) as Reply;
}

export async function startVaultServer(): Promise<VaultServer> {
  const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-vault-server-'));
  const files = await makeTlsFiles(folder);
  const routes = new Map<string, Route>();
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ cert: readFileSync(files.certificateFile), key: readFileSync(files.keyFile) }, async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const request: SeenRequest = {
      call: `${incoming.method} ${incoming.url?.replace(/^\/v1\//, '')}`,
      token: String(incoming.headers['x-vault-token'] ?? ''),
      namespace: String(incoming.headers['x-vault-namespace'] ?? ''),
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
    seen.push(request);
    const route = routes.get(request.call) ?? recorded('no-handler');
    const reply = typeof route === 'function' ? await route(request) : route;
    if (reply === 'hang') return;
    if (reply === 'cut') return void incoming.socket.destroy();
    outgoing.writeHead(reply.status, { 'content-type': 'application/json' });
    outgoing.end(reply.body === undefined || reply.body === null ? '' : JSON.stringify(reply.body));
  });
  server.on('secureConnection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    address: `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    caFile: files.caFile,
    folder,
    routes,
    seen,
    connections: () => connections,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
