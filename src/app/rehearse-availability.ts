/** Asks the API again and again as a client outside of the cluster does, and counts: no retry, and every failure is kept. */

import { readFileSync } from 'node:fs';
import { openTlsProbe } from '../adapters/tls/tls-probe.js';
import { followOutages, isAnswered, type Outage } from './rehearse-outages.js';
import { nodesWith } from '../domain/cluster/inventory.js';
import type { Plan } from '../domain/plan/plan.js';
import { Secret } from '../domain/secret.js';
import { apiPort } from '../operations/identity-probe.js';

export interface Failed {
  /** When it was sent. */
  readonly atMs: number;
  /** When it was given up. */
  readonly untilMs: number;
  /** "load balancer", "cp1". */
  readonly place: string;
  readonly reason: string;
}

export interface Count {
  readonly sent: number;
  readonly failed: number;
}

export interface Availability {
  /** Of all so far. */
  total(): Count;
  /** By place. */
  places(): ReadonlyMap<string, Count>;
  failures(): readonly Failed[];
  outages(): readonly Outage[];
  /** Resolves when no probe is in flight. */
  stop(): Promise<void>;
}

export interface Place {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

const mostInFlight = 8;
/** Name of the place through which everybody goes. */
export const frontPlace = 'load balancer';

/**
 * One request after another to each place in turn, `everyMs` apart, over a fresh TLS connection, with a deadline of a second: POST of a
 * SelfSubjectReview with a legacy token, verified against ca.crt of the token's Secret as it is published at that moment. 201 counts.
 */
export function watchAvailability(options: { readonly places: readonly Place[]; readonly tokenFile: string; readonly caFile: string; readonly everyMs: number }): Availability {
  const probe = openTlsProbe();
  const failures: Failed[] = [];
  const counts = new Map<string, { sent: number; failed: number }>(options.places.map(({ name }) => [name, { sent: 0, failed: 0 }]));
  const inFlight = new Set<Promise<void>>();
  const outages = followOutages();
  let next = 0;

  async function ask(place: Place): Promise<void> {
    const count = counts.get(place.name) ?? { sent: 0, failed: 0 };
    const atMs = Date.now();
    let reason = '';
    try {
      const { status } = await probe.request(place, {
        method: 'POST',
        path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
        body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }),
        bearer: new Secret(readFileSync(options.tokenFile)),
        caPem: readFileSync(options.caFile, 'utf8'),
        deadlineMs: 1000,
      });
      if (status !== 201) reason = `HTTP ${status}`;
    } catch (error) {
      reason = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    }
    count.sent += 1;
    outages.seen(place.name, { atMs, nowMs: Date.now(), served: reason === '', answered: reason === '' || isAnswered(reason) });
    if (reason === '') return;
    count.failed += 1;
    failures.push({ atMs, untilMs: Date.now(), place: place.name, reason });
  }

  const timer = setInterval(() => {
    const place = options.places[next++ % options.places.length];
    // A machine that is too slow is not made slower: so many wait for an answer at the same time and no more.
    if (place === undefined || inFlight.size >= mostInFlight) return;
    const asked = ask(place).finally(() => inFlight.delete(asked));
    inFlight.add(asked);
  }, options.everyMs);

  return {
    total: () => [...counts.values()].reduce((sum, one) => ({ sent: sum.sent + one.sent, failed: sum.failed + one.failed }), { sent: 0, failed: 0 }),
    places: () => counts,
    failures: () => failures,
    outages: outages.all,
    async stop() {
      clearInterval(timer);
      await Promise.all(inFlight);
    },
  };
}

/** The load balancer, and each API server by itself. */
export function placesOf(plan: Plan): Place[] {
  const front = new URL(plan.inventory.cluster.server);
  const servers = nodesWith(plan.inventory, 'control-plane').map((node) => ({ name: node.name, host: node.internalIp, port: apiPort(node) }));
  return [{ name: frontPlace, host: front.hostname, port: Number(front.port === '' ? 443 : front.port) }, ...servers];
}
