/** The figures as a table for people, or as JSON for programs. */

import type { Row } from './measurement.js';

export interface Report {
  readonly rows: readonly Row[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  /** Node, processors. */
  readonly machine: string;
  readonly seconds: number;
}

/** Ours divided by the baseline; null where the baseline is nothing. */
export function ratioOf({ ours, baseline }: Pick<Row, 'ours' | 'baseline'>): number | null {
  return baseline === 0 ? null : ours / baseline;
}

export function asTable({ rows, skipped, machine, seconds }: Report): string {
  const header = ['measurement', 'ours', 'baseline', 'ratio', 'the baseline is'];
  const cells = rows.map((row) => [row.measurement, written(row.ours), written(row.baseline), written(ratioOf(row)), row.against]);
  const widths = header.map((_, column) => Math.max(...[header, ...cells].map((line) => (line[column] ?? '').length)));
  const isNumber = (column: number): boolean => column >= 1 && column <= 3;
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join(' | ')
      .trimEnd();
  return [
    line(header),
    widths.map((width) => '-'.repeat(width)).join('-|-'),
    ...cells.map(line),
    ...skipped.map(({ name, reason }) => `skipped ${name}: ${reason}`),
    '',
    `${machine}; ${seconds.toFixed(0)} s in all. Only the ratios are worth comparing between machines.`,
  ].join('\n');
}

export function asJson(report: Report): string {
  return JSON.stringify({ apiVersion: 'rotate-ca/v1', kind: 'Bench', ...report, rows: report.rows.map((row) => ({ ...row, ratio: ratioOf(row) })) }, null, 2);
}

/** Three significant figures are all that such a measurement has. */
export function written(value: number | null): string {
  if (value === null) return '-';
  if (Number.isInteger(value) || Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}
