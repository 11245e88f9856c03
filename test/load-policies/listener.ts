/** A server outside of the cluster, on the address of the load balancer: what API servers call (webhooks, an issuer of tokens, an aggregated API). */

import { createServer, type Server } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Undo } from '../fidelity/behaviour.js';
import { leafOf } from '../fidelity/credentials.js';
import type { World } from '../fidelity/world.js';
import type { Ca } from '../../src/x509/certificate-authority.js';

export interface Heard {
  readonly path: string;
  readonly body: string;
  /** Common name of the client certificate that was presented, verified or not; empty if none was. */
  readonly client: string;
}

export interface Listener {
  readonly url: string;
  readonly port: number;
  /** Everything that was asked since it began, in order. */
  readonly heard: readonly Heard[];
  /** From now on it presents a leaf of this CA; every connection is cut. */
  serveUnder(ca: Ca): Promise<void>;
  /** Cuts every connection, so that the next question needs a handshake. */
  cut(): void;
}

/** Answers each path with what `answer` says, as JSON; undefined is 404. `names`: further ones of its leaves. Ends with the experiment. */
export async function listen(world: World, undo: Undo, ca: Ca, answer: (asked: Heard) => unknown, names: readonly string[] = []): Promise<Listener> {
  const { host } = world.loadBalancer;
  const heard: Heard[] = [];
  const pairUnder = async (of: Ca): Promise<{ cert: string; key: string }> => {
    const { certificatePem, key } = await leafOf(of, {
      commonName: 'listener',
      sans: [host, ...names],
      usages: ['serverAuth'],
      notAfterMs: Date.now() + 3_600_000,
    });
    return { cert: certificatePem, key: key.reveal().toString('utf8') };
  };
  const server: Server = createServer({ ...(await pairUnder(ca)), requestCert: true, rejectUnauthorized: false }, (request, response) => {
    void bodyOf(request).then((body) => {
      const client = String((request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? '');
      const asked = { path: request.url ?? '', body, client };
      heard.push(asked);
      const said = answer(asked);
      response.writeHead(said === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(said ?? {}));
    });
  });
  await new Promise<void>((resolve, reject) => void server.once('error', reject).listen(0, host, resolve));
  undo.add('the listener has ended', async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `https://${host}:${port}`,
    port,
    heard,
    cut: () => server.closeAllConnections(),
    async serveUnder(of) {
      server.setSecureContext(await pairUnder(of));
      server.closeAllConnections();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** A kubeconfig of that server, for the flags that name one. */
export function kubeconfigOf(url: string, caPem: string): string {
  const base64 = Buffer.from(caPem).toString('base64');
  return `apiVersion: v1
kind: Config
clusters: [{name: listener, cluster: {server: ${url}, certificate-authority-data: ${base64}}}]
users: [{name: api, user: {}}]
contexts: [{name: listener, context: {cluster: listener, user: api}}]
current-context: listener
`;
}
