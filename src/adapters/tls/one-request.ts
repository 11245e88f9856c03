/** One HTTP/1.1 request over a connection of its own. */

import https from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import type { ServerAnswer } from '../../ports/tls-probe.js';
import { TimedOut } from './probe-error.js';

export interface Sent {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The whole answer, whatever its status. Rejects with Node's error, TimedOut, or the signal's reason. */
export function oneRequest(connection: ConnectionOptions, sent: Sent, limits: { deadlineMs: number; signal?: AbortSignal }): Promise<ServerAnswer> {
  return new Promise((resolve, reject) => {
    if (limits.signal?.aborted) {
      reject(limits.signal.reason);
      return;
    }
    let request: ReturnType<typeof https.request>;
    try {
      request = https.request({
        ...(connection as https.RequestOptions),
        // A new agent for this request alone: no connection and no session of another.
        agent: false,
        method: sent.method,
        path: sent.path,
        headers: {
          accept: 'application/json',
          'user-agent': 'rotate-ca',
          connection: 'close',
          ...(sent.body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent.body) }),
          ...sent.headers,
        },
      });
    } catch (error) {
      reject(error);
      return;
    }
    function end(finish: () => void): void {
      clearTimeout(timer);
      limits.signal?.removeEventListener('abort', onAbort);
      request.destroy();
      finish();
    }
    const timer = setTimeout(() => end(() => reject(new TimedOut(limits.deadlineMs))), limits.deadlineMs);
    const onAbort = (): void => end(() => reject(limits.signal?.reason));
    limits.signal?.addEventListener('abort', onAbort, { once: true });
    request.on('error', (error) => end(() => reject(error)));
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => end(() => reject(error)));
      response.on('end', () => {
        const answer = { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
        end(() => resolve(answer));
      });
    });
    request.end(sent.body);
  });
}
