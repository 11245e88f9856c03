/** Questions to TLS servers: what do you present, do these CAs verify it, do you accept this certificate. */

import type { Address, TlsProbe } from '../../ports/tls-probe.js';
import { connectionTo, named } from './address.js';
import { presentedChain } from './chain.js';
import { handshake } from './handshake.js';
import { oneRequest } from './one-request.js';
import { codeOf, stopped, unanswered } from './probe-error.js';

/** Every call is a socket of its own: a kept or resumed connection would prove nothing about a certificate that has changed. */
export function openTlsProbe(): TlsProbe {
  return {
    presentedBy: (at, options) => ask(at, 'A TLS handshake', options.signal, () => handshake(connectionTo(at, options), options, presentedChain)),

    verifies: (at, options) =>
      ask(at, 'A TLS handshake', options.signal, async () => {
        try {
          await handshake(connectionTo(at, options), options, () => undefined);
          return { ok: true };
        } catch (error) {
          if (options.signal?.aborted) throw error;
          return { ok: false, error: codeOf(error) };
        }
      }),

    request: (at, request) => {
      const { method, path, body, bearer } = request;
      const sent = {
        method,
        path,
        // Token files end in a newline, which Node refuses in a header.
        headers: { host: named(at), ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer.reveal().toString('utf8').trim()}` }) },
        ...(body === undefined ? {} : { body }),
      };
      return ask(at, `${method} ${path}`, request.signal, () => oneRequest(connectionTo(at, request), sent, request));
    },
  };
}

async function ask<T>(at: Address, what: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw signal?.aborted ? stopped(at, what) : unanswered(at, what, error);
  }
}
