/** What a process that drives a run through one step is told and tells. Plain JSON. */

import type { Failure } from '../../domain/errors.js';
import type { DriveOptions } from '../drive.js';

export interface DriveOrder {
  readonly stateDir: string;
  readonly run: string;
  readonly env: NodeJS.ProcessEnv;
  readonly pace: number;
  readonly step: string;
  readonly ask: DriveOptions['ask'];
  /** The fact at which it strikes, as `signatureOf` names it. */
  readonly at: string;
  /** `kill`: it ends itself. `tell`: it says so and goes on. */
  readonly act: 'kill' | 'tell';
}

export type EngineNews = { readonly reached: true } | { readonly state: string; readonly failures: readonly Failure[]; readonly wrong: string | undefined };
