/** P5: a pair that a client was given as files is looked at every five minutes; when it has changed, all connections are closed (client-go transport/cert_rotation.go). */

import type { StagingClock } from '../clock.js';
import { timings } from '../timings.js';
import type { LoadedKubeconfig, StagingClient } from './staging-client.js';

/** Does nothing for a pair that is embedded. Returns what ends it. */
export function pollPair(client: StagingClient, pair: LoadedKubeconfig['pair'], clock: StagingClock): () => void {
  if (typeof pair !== 'function') return () => undefined;
  let last = pair()?.certificatePem;
  return clock.every(timings.clientPairPollMs, () => {
    const now = pair()?.certificatePem;
    if (now === undefined || now === last) return;
    last = now;
    client.reconnect();
  });
}
