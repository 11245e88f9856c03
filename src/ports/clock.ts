/** Time, so that tests need not sleep. */

export interface Clock {
  /** Unix time in ms. */
  now(): number;
  /** Resolves after `ms`. Throws RotationError interrupted as soon as the signal is raised. */
  wait(ms: number, options?: { signal?: AbortSignal }): Promise<void>;
}
