/** The client certificate of a running kubelet: in memory from its start, asked for anew towards the end of its life, or at first with the bootstrap token. */

import { X509Certificate } from 'node:crypto';
import { createClient } from '../client/create-client.js';
import { pollPair } from '../client/poll-pair.js';
import type { StagingClient } from '../client/staging-client.js';
import type { StagingContext } from '../component.js';
import { signerNames } from '../controllers/csr-rules.js';
import { kubeCalls } from '../controllers/kube-calls.js';
import type { StagingNode } from '../node/staging-node.js';
import { isAnswer, requestCertificate, rotationAt } from './certificate-requests.js';
import type { ClientConfig } from './client-config.js';
import { type Pair, storePair } from './client-store.js';

export interface CertificateHolder {
  pair(): Pair | undefined;
  secondsLeft(): number;
  /** Resolves when there is a certificate; `api` is told to connect anew when it changes. */
  ready(api: StagingClient): Promise<void>;
  /** What the API last said, or how it could not be reached. */
  onAnswer(error: unknown): void;
  stop(): void;
}

export interface CertificateHolderOptions {
  readonly context: StagingContext;
  readonly node: StagingNode;
  readonly client: ClientConfig;
  readonly rotates: boolean;
  readonly now: () => number;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  readonly onExit: (line: string) => void;
}

/** A kubelet whose certificate has expired exits after this, if a server answers (k/k pkg/kubelet/certificate/transport.go addCertRotation). */
const exitAfterMs = 5 * 60_000;
const lookMs = 10_000;

export function certificateHolder(options: CertificateHolderOptions): CertificateHolder {
  const { context, node, client, now, log, signal } = options;
  const { clock } = context;
  let pair = client.pair;
  let api: StagingClient | undefined;
  let rotateAtMs = pair === undefined ? 0 : rotationAt(pair.certificatePem, Math.random());
  let hasAnswer = false;
  let isBusy = false;
  let expiredAtMs: number | undefined;

  const wish = { nodeName: node.name, signerName: signerNames.kubeletClient, usages: ['digital signature', 'client auth'], sans: [] };

  async function renewWith(through: StagingClient): Promise<void> {
    const signed = await requestCertificate(kubeCalls(through), clock, wish, signal);
    if (signal.aborted) return;
    // A file where the link must be: the new certificate is not taken.
    storePair(node, signed, now());
    pair = signed;
    rotateAtMs = rotationAt(signed.certificatePem, Math.random());
    api?.reconnect();
  }

  async function bootstrap(): Promise<void> {
    if (client.bootstrap === undefined) return;
    const through = createClient(client.bootstrap, { clock, localAddress: node.address });
    signal.addEventListener('abort', () => through.close(), { once: true });
    try {
      while (pair === undefined && !signal.aborted) {
        try {
          await renewWith(through);
        } catch (error) {
          if (!signal.aborted) log(`"Failed while requesting a signed certificate from the control plane" err="${textOf(error)}"`);
          await clock.wait(5000, signal);
        }
      }
    } finally {
      through.close();
    }
  }

  async function look(): Promise<void> {
    if (isBusy || signal.aborted || pair === undefined || api === undefined) return;
    isBusy = true;
    try {
      if (options.rotates && now() >= rotateAtMs) await renewWith(api);
    } catch (error) {
      hasAnswer ||= isAnswer(error);
      if (!signal.aborted) log(`"Failed while requesting a signed certificate from the control plane" err="${textOf(error)}"`);
      rotateAtMs = now() + 60_000 / clock.speed;
    } finally {
      isBusy = false;
    }
    if (signal.aborted || pair === undefined || secondsLeft() > 0) {
      expiredAtMs = undefined;
      return;
    }
    expiredAtMs ??= clock.now();
    if (hasAnswer && clock.now() - expiredAtMs >= exitAfterMs / clock.speed) {
      options.onExit('The currently active client certificate has expired and the server is responsive, exiting.');
    }
  }

  // Asked at each look, and of the same certificate for a long time.
  let ends: { readonly of: Pair; readonly atMs: number } | undefined;

  function secondsLeft(): number {
    if (pair === undefined) return Number.POSITIVE_INFINITY;
    if (ends?.of !== pair) ends = { of: pair, atMs: Date.parse(new X509Certificate(pair.certificatePem).validTo) };
    return Math.floor((ends.atMs - now()) / 1000);
  }

  // Without rotation nobody holds it: it is that of the files, as with every client that is given files (P5).
  if (!options.rotates && client.reread !== undefined) return ofFiles(client.reread, { clock, secondsLeft, holds: (read) => (pair = read) });
  const stop = clock.every(lookMs, () => void look());
  return {
    pair: () => pair,
    secondsLeft,
    async ready(through) {
      api = through;
      if (pair === undefined) await bootstrap();
    },
    onAnswer(error) {
      hasAnswer = error === undefined || isAnswer(error);
    },
    stop,
  };
}

function ofFiles(reread: () => Pair | undefined, at: { readonly clock: StagingContext['clock']; secondsLeft(): number; holds(pair: Pair | undefined): void }): CertificateHolder {
  let stopPolling: () => void = () => undefined;
  return {
    pair: reread,
    secondsLeft() {
      at.holds(reread());
      return at.secondsLeft();
    },
    async ready(through) {
      stopPolling = pollPair(through, reread, at.clock);
    },
    onAnswer: () => undefined,
    stop: () => stopPolling(),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
