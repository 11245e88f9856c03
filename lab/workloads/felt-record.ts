/** What one run of a program felt, as all three languages write it. Times are milliseconds since the epoch. */
export interface FeltRecord {
  readonly name: string;
  readonly workload: string;
  readonly language: string;
  readonly node: string;
  /** Of the CA bundle that the run loaded at its start. */
  readonly caSha256: string;
  readonly startedAt: number;
  readonly at: number;
  readonly endedBy: string;
  readonly recovered: boolean;
  readonly activities: Readonly<Record<ActivityName, Activity>>;
  readonly errors: readonly FeltError[];
}

export type ActivityName = 'write' | 'watch' | 'fresh';
export const activityNames: readonly ActivityName[] = ['write', 'watch', 'fresh'];

export interface Activity {
  readonly ok: number;
  readonly failed: number;
  readonly byClass: Readonly<Record<string, number>>;
  readonly failingSince: number;
  readonly longestFailureMs: number;
  readonly longestFailureAt: number;
  readonly lastOkAt: number;
  readonly events: number;
  readonly longestSilenceMs: number;
}

export interface FeltError {
  readonly at: number;
  readonly activity: ActivityName;
  readonly class: string;
  readonly text: string;
}

/** Reads one record, or says what is wrong with it. */
export function parseFeltRecord(text: string): FeltRecord {
  const value: unknown = JSON.parse(text);
  if (!isFeltRecord(value)) throw new Error(`not a record of a felt program: ${text.slice(0, 120)}`);
  return value;
}

function isFeltRecord(value: unknown): value is FeltRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { name, startedAt, at, activities, errors } = value as Record<string, unknown>;
  return (
    typeof name === 'string' &&
    typeof startedAt === 'number' &&
    typeof at === 'number' &&
    Array.isArray(errors) &&
    typeof activities === 'object' &&
    activities !== null &&
    activityNames.every((activity) => activity in activities)
  );
}

/** One record for each run: of two readings of the same run the later one counts. */
export function latestByRun(records: readonly FeltRecord[]): FeltRecord[] {
  const latest = new Map<string, FeltRecord>();
  for (const record of records) {
    const run = `${record.name} ${record.startedAt}`;
    const known = latest.get(run);
    if (known === undefined || known.at < record.at) latest.set(run, record);
  }
  return [...latest.values()].sort((a, b) => (a.name === b.name ? a.startedAt - b.startedAt : a.name < b.name ? -1 : 1));
}
