/** A pod that asks the API as its client library would: with the CA that it has loaded and the token that it was given, so that a wrong rotation is felt. */

import { createClient } from '../client/create-client.js';
import type { StagingClient } from '../client/staging-client.js';
import type { StagingClock } from '../clock.js';
import type { HeldFiles } from './held-files.js';

export interface AskingCounters {
  requests: number;
  failures: number;
  /** Failures by their text: an error code of TLS or TCP, or "HTTP 401". */
  readonly byReason: Map<string, number>;
}

export interface AskingPod {
  stop(): void;
}

export interface AskingOptions {
  readonly clock: StagingClock;
  /** https://HOST:PORT */
  readonly server: string;
  readonly held: HeldFiles;
  /** Milliseconds of the wall clock between two requests. */
  readonly everyMs: number;
  readonly requestsOfAConnection: number;
  readonly counters: AskingCounters;
}

const patienceMs = 5_000;

export function askAsPod(options: AskingOptions): AskingPod {
  const { clock, counters, held } = options;
  let caPem = held.caPem();
  let client = open();
  let asked = 0;
  let isStopped = false;
  let isBusy = false;

  function open(): StagingClient {
    return createClient({ server: options.server, caPem, token: held.token }, { clock });
  }

  /** A library that follows the file makes new connections with it. */
  function follow(): void {
    const now = held.caPem();
    if (now === caPem) return;
    caPem = now;
    client.close();
    client = open();
  }

  async function ask(): Promise<void> {
    if (isBusy || isStopped) return;
    isBusy = true;
    follow();
    try {
      if (++asked % options.requestsOfAConnection === 0) client.reconnect();
      const { status } = await client.request('GET', '/version', { timeoutMs: patienceMs });
      if (status === 401) held.refused();
      if (!isStopped) count(status < 400 ? undefined : `HTTP ${status}`);
    } catch (error) {
      if (!isStopped) count((error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : String(error)));
    } finally {
      isBusy = false;
    }
  }

  function count(failure: string | undefined): void {
    counters.requests++;
    if (failure === undefined) return;
    counters.failures++;
    counters.byReason.set(failure, (counters.byReason.get(failure) ?? 0) + 1);
  }

  // Not all at the same moment.
  let cancel = clock.after(Math.random() * options.everyMs * clock.speed, () => {
    cancel = clock.every(options.everyMs * clock.speed, () => void ask());
  });
  return {
    stop() {
      isStopped = true;
      cancel();
      client.close();
    },
  };
}
