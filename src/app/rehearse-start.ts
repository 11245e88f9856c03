/** Starts the staging cluster of a rehearsal where there is place for it on this machine. */

import { failuresOf } from '../domain/errors.js';
import type { ClusterSpec } from '../staging/spec.js';
import { type StagingProcess, startStagingProcess } from './rehearse-process.js';

export interface StartSomewhere {
  readonly place: () => Promise<ClusterSpec>;
  readonly speed: number;
  readonly signal: AbortSignal;
  onPlace(spec: ClusterSpec): void;
  /** Another program took the port after it had been looked at: the next place is tried. */
  onTaken(port: string): void;
}

const mostPlaces = 5;

/** Throws what startStagingProcess throws, and usage if there is no place. */
export async function startSomewhere(options: StartSomewhere): Promise<{ readonly spec: ClusterSpec; readonly staging: StagingProcess }> {
  for (let tried = 1; ; tried++) {
    const spec = await options.place();
    options.onPlace(spec);
    try {
      return { spec, staging: await startStagingProcess({ spec, speed: options.speed, signal: options.signal }) };
    } catch (error) {
      const [failure] = failuresOf(error) ?? [];
      if (failure?.retryable !== true || tried === mostPlaces || options.signal.aborted) throw error;
      options.onTaken(failure.target);
    }
  }
}
