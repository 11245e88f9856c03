/** Many names as a few words: `w1..w197 (197)`, `cp1, cp2`. */

const collator = new Intl.Collator('en', { numeric: true });

/** In the order of humans: w2 before w10. */
export function inOrder(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0));
}

/** One or two names as they are, more as first and last with their number. Runs with a gap in their numbers are said to have one: "w1, w3..w9 (8)". */
export function shortNames(names: readonly string[]): string {
  const sorted = inOrder(new Set(names));
  if (sorted.length <= 2) return sorted.join(', ');
  const runs = runsOf(sorted);
  const written = runs.map((run) => (run.length > 2 ? `${run[0]}..${run.at(-1)}` : run.join(', ')));
  const shown = runs.length > 3 ? `${sorted[0]}, ${sorted[1]}, … ${sorted.at(-1)}` : written.join(', ');
  return `${shown} (${sorted.length})`;
}

/** Names that differ only in a number at their end that grows by one. */
function runsOf(sorted: readonly string[]): string[][] {
  const runs: string[][] = [];
  for (const name of sorted) {
    const run = runs.at(-1);
    if (run !== undefined && follows(run.at(-1) ?? '', name)) run.push(name);
    else runs.push([name]);
  }
  return runs;
}

function follows(before: string, name: string): boolean {
  const [a, b] = [/^(.*?)(\d{1,9})$/s.exec(before), /^(.*?)(\d{1,9})$/s.exec(name)];
  return a !== null && b !== null && a[1] === b[1] && Number(b[2]) === Number(a[2]) + 1;
}

/** Up to `most` of them, and how many more there are. */
export function someOf(items: readonly string[], most: number): string[] {
  return items.length <= most ? [...items] : [...items.slice(0, most - 1), `and ${items.length - most + 1} more`];
}

/** Of texts that differ only in a part, as hosts do: the place without its host, `HOST:/path` to `/path`. */
export function withoutHost(place: string): { readonly host: string; readonly rest: string } {
  const found = /^([^\s:/]+):(\/.*)$/s.exec(place);
  return found === null ? { host: '', rest: place } : { host: found[1] ?? '', rest: found[2] ?? '' };
}
