import { readFileSync } from 'node:fs';
import type { ProbeKind } from './config.js';

/** What the prober saw so far; it replaces the file every two seconds. Times are milliseconds since the epoch. */
export interface ProbeSummary {
  /** True once the prober has ended in order: then every probe is counted. */
  readonly complete: boolean;
  readonly startedAt: number;
  readonly at: number;
  readonly cpuSeconds: number;
  /** Of one core. */
  readonly cpuPercent: number;
  readonly sent: number;
  readonly failed: number;
  /** Probes that were due but not sent, because the machine was too busy. */
  readonly skipped: number;
  readonly rows: readonly ProbeRow[];
  readonly events: readonly { readonly at: number; readonly what: string; readonly text: string }[];
}

export interface ProbeRow {
  readonly class: string;
  readonly target: string;
  readonly kind: ProbeKind;
  readonly sent: number;
  readonly failed: number;
  /** By stage (dial, handshake, request) or HTTP status. */
  readonly failures: Readonly<Record<string, number>>;
  readonly reconnects: number;
  readonly skipped: number;
  readonly longestLagMs: number;
  /** From one success to the next. */
  readonly longestGapMs: number;
  readonly longestGapAt: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** The server certificates seen, in the order of their first appearance. */
  readonly presented: readonly PresentedCertificate[];
}

export interface PresentedCertificate {
  readonly issuer: string;
  readonly sha256: string;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly count: number;
}

export function parseSummary(text: string): ProbeSummary {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('rows' in value) || !Array.isArray(value.rows) || !('sent' in value)) {
    throw new Error(`not a summary of the prober: ${text.slice(0, 120)}`);
  }
  return value as ProbeSummary;
}

export function readSummary(file: string): ProbeSummary {
  return parseSummary(readFileSync(file, 'utf8'));
}

/** Rows of one class, target or kind taken together. */
export interface ProbeTotal {
  readonly name: string;
  readonly sent: number;
  readonly failed: number;
  readonly skipped: number;
  readonly longestGapMs: number;
  readonly p99Ms: number;
}

export function totalsBy(summary: ProbeSummary, field: 'class' | 'target' | 'kind'): ProbeTotal[] {
  const groups = new Map<string, ProbeRow[]>();
  for (const row of summary.rows) groups.set(row[field], [...(groups.get(row[field]) ?? []), row]);
  return [...groups].map(([name, rows]) => ({
    name,
    sent: sum(rows.map(({ sent }) => sent)),
    failed: sum(rows.map(({ failed }) => failed)),
    skipped: sum(rows.map(({ skipped }) => skipped)),
    longestGapMs: Math.max(...rows.map(({ longestGapMs }) => longestGapMs)),
    p99Ms: Math.max(...rows.map(({ p99Ms }) => p99Ms)),
  }));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The summary for people: a line for each row, and the total. */
export function formatSummary(summary: ProbeSummary): string {
  const header = ['class', 'kind', 'target', 'sent', 'failed', 'skipped', 'reconnects', 'gap ms', 'p50 ms', 'p99 ms', 'max ms'];
  const cells = summary.rows.map((row) => [row.class, row.kind, row.target, row.sent, row.failed, row.skipped, row.reconnects, row.longestGapMs, row.p50Ms, row.p99Ms, row.maxMs]);
  const table = [header, ...cells.map((line) => line.map(String))];
  const widths = header.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const lines = table.map((line) => line.map((cell, column) => (column < 3 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '));
  const seconds = (summary.at - summary.startedAt) / 1000;
  const total = `${summary.failed} of ${summary.sent} probes failed in ${seconds.toFixed(0)} s, ${summary.skipped} not sent in time; prober ${summary.cpuPercent} % of a core`;
  return [...lines, total].join('\n');
}
