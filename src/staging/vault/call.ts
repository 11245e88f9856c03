/** A request as the core and the engines see it. */

import type { Outcome } from './answer.js';
import type { Token } from './tokens.js';

export type Operation = 'read' | 'list' | 'update' | 'delete' | 'patch';

export interface VaultCall {
  readonly operation: Operation;
  /** Without "/v1/"; a list's path ends with a slash. */
  readonly path: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly token: string;
}

/** What an engine gets: a path below its mount, and who asks. */
export interface EngineCall extends VaultCall {
  readonly below: string;
  readonly caller: Token | undefined;
}

export type Engine = (call: EngineCall) => Promise<Outcome | undefined> | Outcome | undefined;
