/** A journal in memory: the same contract as the one on disk (test/journal-contract.ts), and a place where a test can let the process die. */

import type { Fact } from '../../src/domain/run/facts.js';
import type { Journal, JournalLine } from '../../src/ports/journal.js';

export interface MemoryJournalOptions {
  /** What is durable already. */
  readonly lines?: readonly JournalLine[];
  readonly now?: () => number;
  /** Called before a line becomes durable; what it throws is thrown by append. */
  readonly beforeAppend?: (fact: Fact, seq: number) => void;
}

export function createMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  const now = options.now ?? (() => 0);
  const lines: JournalLine[] = [...(options.lines ?? [])];
  const listeners: ((line: JournalLine) => void)[] = [];
  const untold: JournalLine[] = [];
  let isTelling = false;
  let isClosed = false;

  function tell(line: JournalLine): void {
    untold.push(line);
    if (isTelling) return;
    isTelling = true;
    try {
      for (let next = untold.shift(); next !== undefined; next = untold.shift()) for (const listener of listeners) listener(next);
    } finally {
      isTelling = false;
      untold.length = 0;
    }
  }

  return {
    append(fact) {
      if (isClosed) throw new Error('the journal is closed');
      options.beforeAppend?.(fact, lines.length + 1);
      // As a disk would have it: what cannot be said in JSON is not kept.
      const line: JournalLine = { seq: lines.length + 1, at: new Date(now()).toISOString(), fact: JSON.parse(JSON.stringify(fact)) as Fact };
      lines.push(line);
      tell(line);
      return line;
    },
    lines: () => lines,
    onAppend: (listener) => void listeners.push(listener),
    close() {
      isClosed = true;
    },
  };
}
