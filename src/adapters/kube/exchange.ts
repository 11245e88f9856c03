/** One HTTPS request and its whole answer, within a limit. */

import https from 'node:https';
import type { Limit } from './limit.js';

export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly agent: https.Agent;
  /** user:password, for the rare kubeconfig that has them. */
  readonly auth?: string;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Rejected with when there is no whole answer. `code` is Node's or OpenSSL's. */
export class NoAnswer extends Error {
  readonly code: string;
  /** The connection had been kept alive and closed by the peer before a byte of the answer came. */
  readonly onIdleConnection: boolean;

  constructor(cause: unknown, onIdleConnection: boolean) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(message);
    this.name = 'NoAnswer';
    this.code = codeOf(cause);
    this.onIdleConnection = onIdleConnection;
  }
}

function codeOf(cause: unknown): string {
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

const peerClosed = new Set(['ECONNRESET', 'EPIPE']);

/** Sends once. No retry, no redirect. */
export function exchange(request: Request, limit: Limit): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = https.request(request.url, {
      method: request.method,
      agent: request.agent,
      signal: limit.signal,
      headers: {
        ...request.headers,
        ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
      },
      ...(request.auth === undefined ? {} : { auth: request.auth }),
    });
    let answering = false;
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const idle = sent.reusedSocket && !answering && peerClosed.has(error.code ?? '');
      reject(new NoAnswer(error, idle));
    });
    sent.on('response', (response) => {
      answering = true;
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => reject(new NoAnswer(error, false)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
    });
    sent.end(request.body);
  });
}
