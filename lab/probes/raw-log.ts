import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { ProbeKind } from './config.js';

/** A probe that failed, as the raw log has it. */
export interface FailedProbe {
  readonly t: number;
  readonly class: string;
  readonly target: string;
  readonly kind: ProbeKind;
  readonly ms: number;
  readonly stage: string;
  readonly status?: number;
  readonly error: string;
}

const success = '"ok":true';
const failure = '"ok":false';

/** A line of the raw log: a failed probe, or nothing for a success or an event. */
export function parseFailure(line: string): FailedProbe | undefined {
  if (line.includes(success) || !line.includes(failure)) return undefined;
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null || !('t' in value) || !('error' in value)) {
    throw new Error(`not a line of the prober's log: ${line.slice(0, 120)}`);
  }
  return value as FailedProbe;
}

/** The first failures of a raw log. A log may have a million lines, so it is never held as a whole. */
export async function readFailures(file: string, limit = 200): Promise<FailedProbe[]> {
  const failures: FailedProbe[] = [];
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  for await (const line of lines) {
    const failed = parseFailure(line);
    if (failed !== undefined) failures.push(failed);
    if (failures.length >= limit) break;
  }
  lines.close();
  return failures;
}
