/** Tables as kubectl prints them: columns by width, three blanks between, no borders. */

import stringWidth from 'string-width';

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => stringWidth(row[column] ?? ''))));
  const line = (row: readonly string[]): string => row.map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - stringWidth(cell)))).join('   ');
  return all.map((row) => line(row).trimEnd()).join('\n');
}
