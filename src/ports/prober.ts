/** Asks the API of the cluster again and again while a run is going on. */

/** One probe of one place. */
export interface ProbeResult {
  /** What was asked: the URL of a server. */
  readonly place: string;
  readonly isOk: boolean;
  /** Why not, in one line; empty if it is there. No secrets. */
  readonly reason: string;
}

export interface Prober {
  /** Probes until stopped; tells each result. */
  start(onResult: (result: ProbeResult) => void): void;
  /** Resolves when no probe is in flight. */
  stop(): Promise<void>;
}
