/** A control beside the probes of the API: whether the machine gave the processes of the rehearsal their time. */

import { readFileSync } from 'node:fs';
import { openTlsProbe } from '../../adapters/tls/tls-probe.js';
import type { OperatorFiles } from '../../staging/operator-files.js';

export interface MachineStalls {
  /** Somewhere between the two a question that has nothing to do with the cluster was not answered in time. Unix ms. */
  between(fromMs: number, toMs: number): boolean;
  stop(): void;
}

const everyMs = 150;
/** Undisturbed it is answered within some 20 ms. A probe has a second for the same, and stands in a longer queue: many clients connect to an API server. */
const usualMs = 250;
const deadlineMs = 5_000;

/**
 * The Vault of staging is asked for its health as the API is asked by the probes: with a body, over a fresh TLS connection, to the same process.
 * It answers that sealed, too, and neither a rotation nor any fault has a part in it.
 */
export function watchStalls({ env }: Pick<OperatorFiles, 'env'>, options: { readonly longMs?: number } = {}): MachineStalls {
  const longMs = options.longMs ?? usualMs;
  const { hostname, port } = new URL(env.VAULT_ADDR ?? '');
  const probe = openTlsProbe();
  const stalls: { readonly fromMs: number; readonly toMs: number }[] = [];
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function round(): Promise<void> {
    const fromMs = Date.now();
    const caPem = readFileSync(env.VAULT_CACERT ?? '', 'utf8');
    await probe.request({ host: hostname, port: Number(port) }, { method: 'POST', path: '/v1/sys/health', body: '{}', caPem, deadlineMs }).catch(() => undefined);
    const toMs = Date.now();
    if (toMs - fromMs > longMs) stalls.push({ fromMs, toMs });
    const dueMs = Date.now() + everyMs;
    if (!isStopped) timer = setTimeout(() => void next(dueMs), everyMs);
  }

  // The pause itself is measured too: this process may have been the one that stood still.
  async function next(dueMs: number): Promise<void> {
    if (Date.now() - dueMs > longMs) stalls.push({ fromMs: dueMs, toMs: Date.now() });
    await round();
  }

  void round();
  return {
    between: (fromMs, toMs) => stalls.some((stall) => stall.fromMs <= toMs && stall.toMs >= fromMs),
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
