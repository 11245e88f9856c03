/** The journal: what happened, in order, durable before anybody acts on it. */

import type { Fact } from '../domain/run/facts.js';

export interface JournalLine {
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly fact: Fact;
}

export interface Journal {
  /** Writes and fsyncs before it returns, then tells the listeners. Throws RotationError journal-unwritable. Synchronous on purpose: house rule 3. */
  append(fact: Fact): JournalLine;
  lines(): readonly JournalLine[];
  onAppend(listener: (line: JournalLine) => void): void;
  close(): void;
}
