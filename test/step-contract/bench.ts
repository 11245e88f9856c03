/** One target just before its step, as the rules of the contract see it, be it on paper, on staging or on a real cluster. */

import type { Checkpoint } from '../../src/ports/checkpoints.js';
import type { Site } from '../../src/ports/step-kind.js';
import type { Life } from './life.js';
import type { Tried } from './tried.js';

/** All that a kind could change, by place, so that equal text means equal bytes, mode, owner or object. No secrets: bytes are hashed. */
export type Places = Readonly<Record<string, string>>;

export interface SiteWish {
  readonly signal: AbortSignal;
  readonly told: (message: string) => void;
  /** Every port of the site asks it first, and tells it each change. */
  readonly life: Life;
  /** For this call; default: that of the step. */
  readonly deadlineMs?: number;
}

export interface Bench {
  site(wish: SiteWish): Site;
  /** Without what changes by itself all the time. */
  snapshot(): Promise<Places>;
  /** As it comes back from where checkpoints are kept. */
  keep(checkpoint: Checkpoint): Promise<Checkpoint>;
  /** What was taken back is done again as another attempt of the run, as the engine does it. */
  nextAttempt(): void;
  /** How long what follows a change by itself (published bundles, controllers) may take, ms. */
  readonly patienceMs: number;
  /** Resolves after a short while, before the next look. */
  pause(): Promise<void>;
  /** As the engine tries again what may be tried again. */
  readonly tried: Tried;
  /** Of the clock that the site waits by, ms. */
  now(): number;
}
