/** How long nobody got an answer of the API: from the last answer to any client until the next one to any client. */

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

export interface Outage {
  readonly target: string;
  readonly kind: string;
  /** When the last answer before it had come. */
  readonly fromMs: number;
  readonly ms: number;
}

interface ProbeLine {
  readonly t: number;
  readonly target: string;
  readonly kind: string;
  readonly ok: boolean;
  readonly ms: number;
}

/** With a question every tenth of a second a silence that is shorter is no outage. */
const leastMs = 1_000;

/**
 * Clients of all classes taken together: where one is refused, another may be let in, and then the API is there. A target that
 * never answers again is away until the end of the log.
 */
export class OutageCount {
  private readonly answered = new Map<string, { readonly target: string; readonly kind: string; lastMs: number }>();
  private readonly found: Outage[] = [];
  private endMs = 0;
  private readonly counts = { sent: 0, failed: 0 };

  read(line: string): void {
    const probe = JSON.parse(line) as Partial<ProbeLine>;
    const { t, target, kind, ok, ms } = probe;
    if (t === undefined || target === undefined || kind === undefined || ok === undefined || ms === undefined) return;
    this.counts.sent += 1;
    this.endMs = Math.max(this.endMs, t + ms);
    const id = `${kind} ${target}`;
    const known = this.answered.get(id) ?? { target, kind, lastMs: t };
    this.answered.set(id, known);
    if (!ok) {
      this.counts.failed += 1;
      return;
    }
    this.note(known, t + ms);
    known.lastMs = Math.max(known.lastMs, t + ms);
  }

  end(): ApiOutages {
    for (const known of this.answered.values()) this.note(known, this.endMs);
    return {
      ...this.counts,
      seen: [...this.answered.values()].map(({ target, kind }) => `${kind} ${target}`).sort(),
      outages: [...this.found].sort((a, b) => a.fromMs - b.fromMs),
    };
  }

  private note({ target, kind, lastMs }: { target: string; kind: string; lastMs: number }, untilMs: number): void {
    if (untilMs - lastMs >= leastMs) this.found.push({ target, kind, fromMs: lastMs, ms: untilMs - lastMs });
  }
}

export interface ApiOutages {
  readonly sent: number;
  readonly failed: number;
  /** `kind target`, of all that was asked. */
  readonly seen: readonly string[];
  readonly outages: readonly Outage[];
}

export async function outagesIn(rawLog: string): Promise<ApiOutages> {
  const count = new OutageCount();
  const lines = createInterface({ input: createReadStream(rawLog), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) count.read(line);
  return count.end();
}

/** Seconds away by `kind target`, all outages of a stretch of time added up; those that were never away are there with 0. */
export function secondsAway({ seen, outages }: ApiOutages, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY): ReadonlyMap<string, number> {
  const within = outages.filter(({ fromMs }) => fromMs >= from && fromMs < to);
  return new Map(seen.map((id) => [id, within.filter(({ kind, target }) => `${kind} ${target}` === id).reduce((sum, { ms }) => sum + ms / 1000, 0)]));
}

export function describeAway(away: ReadonlyMap<string, number>): string {
  return [...away].map(([id, seconds]) => `${id} ${seconds.toFixed(1)} s`).join(', ');
}
