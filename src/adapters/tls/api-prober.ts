/** Asks API servers whether they are there, over a fresh connection each time, as long as a run goes on. */

import type { Prober, ProbeResult } from '../../ports/prober.js';
import { openTlsProbe } from './tls-probe.js';

export interface ApiProberOptions {
  /** URLs: the load balancer, and each server by itself. */
  readonly servers: readonly string[];
  /** Default 1000. */
  readonly everyMs?: number;
  /** Default 3000. */
  readonly deadlineMs?: number;
}

/**
 * GET /readyz without a credential, unverified: it asks whether somebody answers, not whom we trust, so it needs no hand-over in
 * the middle of a rotation. Every answer below 500 counts: where anonymous requests are forbidden the server answers 401 or 403.
 */
export function openApiProber({ servers, everyMs = 1000, deadlineMs = 3000 }: ApiProberOptions): Prober {
  const probe = openTlsProbe();
  const inFlight = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;

  async function ask(server: string, onResult: (result: ProbeResult) => void): Promise<void> {
    const { hostname, port } = new URL(server);
    const at = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port === '' ? 443 : port) };
    try {
      const { status } = await probe.request(at, { method: 'GET', path: '/readyz', deadlineMs });
      onResult({ place: server, isOk: status < 500, reason: status < 500 ? '' : `HTTP ${status}` });
    } catch (error) {
      onResult({ place: server, isOk: false, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  return {
    start(onResult) {
      const round = (): void => {
        for (const server of servers) {
          const asked = ask(server, onResult).finally(() => inFlight.delete(asked));
          inFlight.add(asked);
        }
      };
      round();
      timer = setInterval(round, everyMs);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(inFlight);
    },
  };
}
