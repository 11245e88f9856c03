/** The client of staging components: one pool of kept connections, the server verified as Go does, whole answers and watches. */

import type { ClientRequest, IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { checkServerIdentity, connect, type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';
import { createClock, type StagingClock } from '../clock.js';
import { inform } from './inform.js';
import type { StreamedAnswer } from './streamed-answer.js';
import type { ClientAnswer, LoadedKubeconfig, StagingClient } from './staging-client.js';

export interface ClientOptions {
  /** For the waits of `inform`; default: the speed of the world. */
  readonly clock?: StagingClock;
  /** Local address of its connections, so that servers see the address of the node. 127.0.0.1 is that address then: each node has its own. */
  readonly localAddress?: string;
}

/** Makes no connection yet. */
export function createClient(loaded: LoadedKubeconfig, options: ClientOptions = {}): StagingClient {
  const clock = options.clock ?? createClock(1);
  const sockets = new Set<Socket>();
  const informers = new Set<() => void>();
  let closed = false;
  let agent = makeAgent();
  let context: { readonly secure: SecureContext; readonly certificatePem: string | undefined } | undefined;

  /** Made anew when the pair is another: it costs more than all the rest of a connection. */
  function contextWith(pair: { readonly certificatePem: string; readonly keyPem: string } | undefined): SecureContext {
    if (context !== undefined && context.certificatePem === pair?.certificatePem) return context.secure;
    const secure = createSecureContext({
      ca: [loaded.caPem],
      // As Go does: any certificate in the bundle is an anchor.
      allowPartialTrustChain: true,
      ...(pair === undefined ? {} : { cert: pair.certificatePem, key: pair.keyPem }),
    });
    context = { secure, certificatePem: pair?.certificatePem };
    return secure;
  }

  function makeAgent(): https.Agent {
    // One to come: what is asked at a handshake is asked here, and the pool does not depend on it.
    const made = new https.Agent({ keepAlive: true, maxCachedSessions: 0 });
    made.createConnection = (given) => {
      const pair = typeof loaded.pair === 'function' ? loaded.pair() : loaded.pair;
      const socket = connect({
        ...(given as ConnectionOptions),
        secureContext: contextWith(pair),
        ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress, ...onNode(given as ConnectionOptions, options.localAddress) }),
      });
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    };
    return made;
  }

  function send(method: string, path: string, body: string | undefined, contentType: string): { readonly request: ClientRequest; readonly answer: Promise<StreamedAnswer> } {
    if (closed) throw Object.assign(new Error('the client is closed'), { code: 'ERR_CLOSED' });
    const token = loaded.token?.();
    const request = https.request(`${loaded.server}${path}`, {
      method,
      agent,
      headers: {
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(body) }),
      },
    });
    const answer = new Promise<StreamedAnswer>((resolve, reject) => {
      request.on('error', reject);
      request.on('response', (stream) => resolve({ status: stream.statusCode ?? 0, stream }));
    });
    request.end(body);
    return { request, answer };
  }

  async function request(method: string, path: string, given: { readonly body?: unknown; readonly contentType?: string; readonly timeoutMs?: number } = {}): Promise<ClientAnswer> {
    const body = given.body === undefined ? undefined : JSON.stringify(given.body);
    const contentType = given.contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    for (let attempt = 0; ; attempt += 1) {
      const sent = send(method, path, body, contentType);
      const timer =
        given.timeoutMs === undefined
          ? undefined
          : setTimeout(() => sent.request.destroy(Object.assign(new Error(`no answer within ${given.timeoutMs} ms`), { code: 'ETIMEDOUT' })), given.timeoutMs);
      try {
        const { status, stream } = await sent.answer;
        return { status, body: await textOf(stream) };
      } catch (error) {
        const idle = sent.request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
        // As Go's transport: a kept connection that the server has closed is no failure.
        if (!idle || attempt >= 3 || closed) throw error;
      } finally {
        clearTimeout(timer);
      }
    }
  }

  function reconnect(): void {
    const outgoing = agent;
    agent = makeAgent();
    for (const socket of [...sockets]) socket.destroy();
    outgoing.destroy();
  }

  return {
    request,
    inform(path, handlers, query) {
      const stop = inform({ clock, request, send: (whole) => send('GET', whole, undefined, '') }, path, handlers, query ?? '');
      informers.add(stop);
      return () => {
        informers.delete(stop);
        stop();
      };
    },
    reconnect,
    close() {
      closed = true;
      for (const stop of informers) stop();
      informers.clear();
      for (const socket of [...sockets]) socket.destroy();
      agent.destroy();
    },
  };
}

/** The certificate must be for the name that was asked for. */
function onNode({ host = '' }: ConnectionOptions, address: string): ConnectionOptions {
  if (host !== '127.0.0.1' && host !== 'localhost') return {};
  return { host: address, checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate) };
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
