/** What every command gets. */

import type { Output } from './output.js';

export interface Context {
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
  /** Raised by Ctrl-C while nothing runs that listens for it itself. */
  readonly signal: AbortSignal;
  /** Sets the exit code. */
  end(code: number): void;
}
