/** Kept-alive connections: client-node makes a new agent, and so a new TLS handshake, for every request. */

import { createHash } from 'node:crypto';
import type https from 'node:https';
import { createSecureContext } from 'node:tls';

export type AgentOptions = https.AgentOptions & { readonly allowPartialTrustChain?: boolean };

/** A load balancer closes what is idle for longer (HAProxy: often 20 s and up); ours goes first. */
const idleMs = 15_000;

export class Agents {
  readonly #byContent = new Map<string, https.Agent>();

  /**
   * The agent for these CAs, this certificate and this proxy. Keyed by content, so that a kubeconfig whose files
   * changed on disk gets fresh connections by itself. Node pools by host and port within an agent, so one serves all API servers.
   */
  take(options: AgentOptions, proxy: string, make: (options: AgentOptions) => https.Agent): https.Agent {
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    const parts = [ca, cert, key, servername, rejectUnauthorized, proxy].map((part) => createHash('sha256').update(printed(part)).digest('hex'));
    const content = parts.join(' ');
    const found = this.#byContent.get(content);
    if (found !== undefined) return found;
    const { ca: _ca, cert: _cert, key: _key, ...rest } = options;
    const made = make({
      ...rest,
      // Made once: Node would parse the key for each connection, and compare all these texts to find one for each request.
      secureContext: createSecureContext({
        ...options,
        minVersion: 'TLSv1.2',
        // As Go does: any certificate in the bundle is an anchor, self-signed or not.
        allowPartialTrustChain: true,
      }),
      // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment changes nothing.
      rejectUnauthorized: rejectUnauthorized ?? true,
      keepAlive: true,
      // A resumed session would skip the verification of a certificate that has changed since.
      maxCachedSessions: 0,
      timeout: idleMs,
    });
    this.#byContent.set(content, made);
    return made;
  }

  /** Idle connections end now, busy ones when their request has ended; the next request connects anew. */
  retire(): void {
    for (const agent of this.#byContent.values()) {
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) {
        for (const socket of sockets ?? []) socket.destroy();
      }
    }
    this.#byContent.clear();
  }
}

function printed(part: unknown): string {
  if (Array.isArray(part)) return part.map(printed).join('\n');
  if (part instanceof Uint8Array) return Buffer.from(part).toString('base64');
  return String(part);
}
