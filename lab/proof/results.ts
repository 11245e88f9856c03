import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EdgeResult, PlanResult } from './try-plan.js';

/** Of this and of earlier calls, in the order of the plans. */
export function readResults(folder: string, names: readonly string[]): PlanResult[] {
  return names.flatMap((name) => {
    const file = join(folder, `${name}.json`);
    return existsSync(file) ? [JSON.parse(readFileSync(file, 'utf8')) as PlanResult] : [];
  });
}

const isBad = (verdict: string): boolean => verdict === 'break' || verdict === 'latent' || verdict === 'between' || verdict === 'cut';

/** Predicted to fail, and does not; predicted to hold, and fails; fails in another manner. */
function kindOf({ predicted, observed }: EdgeResult): 'equal' | 'false alarm' | 'miss' | 'other' | 'unseen' {
  if (observed === 'unseen') return 'unseen';
  if (predicted === observed) return 'equal';
  if (isBad(predicted) && !isBad(observed)) return 'false alarm';
  return isBad(observed) && !isBad(predicted) ? 'miss' : 'other';
}

/** One line for each plan, below it every edge that is not as predicted, and the sums. */
export function table(results: readonly PlanResult[]): string {
  const lines = [`${'plan'.padEnd(34)}edges  broken  latent  between  false alarms  misses  other  unseen  seconds`];
  const sums = { edges: 0, broken: 0, latent: 0, between: 0, 'false alarm': 0, miss: 0, other: 0, unseen: 0, seconds: 0 };
  for (const { name, edges, seconds } of results) {
    const count = (kind: string): number => edges.filter((edge) => kindOf(edge) === kind).length;
    const row = {
      edges: edges.length,
      broken: edges.filter(({ observed }) => observed === 'break').length,
      latent: edges.filter(({ observed }) => observed === 'latent').length,
      between: edges.filter(({ observed }) => observed === 'between').length,
      'false alarm': count('false alarm'),
      miss: count('miss'),
      other: count('other'),
      unseen: count('unseen'),
      seconds,
    };
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += row[key];
    lines.push(rowOf(name, row));
    for (const edge of edges) {
      const kind = kindOf(edge);
      if (kind !== 'equal') lines.push(`    ${kind}: ${edge.edge}: predicted ${edge.predicted}, observed ${edge.observed} (${edge.by})`);
    }
  }
  if (results.length > 1) lines.push(rowOf(`${results.length} plans`, sums));
  return lines.join('\n');
}

function rowOf(name: string, row: Readonly<Record<string, number>>): string {
  const widths = [5, 8, 8, 9, 14, 8, 7, 8, 9];
  return `${name.padEnd(34)}${Object.values(row)
    .map((value, n) => String(value).padStart(widths[n] ?? 8))
    .join('')}`;
}
