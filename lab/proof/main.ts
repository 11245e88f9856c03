/** `npm run test:proof`: plans made wrong on purpose on the lab of layout `proof`; what was predicted is held against what is seen. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { labPaths, openLab, readShape } from '../lab.js';
import { withLock } from '../lock.js';
import { restoreSnapshot } from '../snapshot/restore.js';
import { snapshotFolder, takeSnapshot } from '../snapshot/snapshot.js';
import { Stages } from '../stages.js';
import { freshSnapshot } from '../tests/fresh-lab.js';
import { plans } from './plans.js';
import { readResults, table } from './results.js';
import { type PlanResult, tryOn } from './try-plan.js';

const usage = `usage: npm run test:proof -- [--shard i/n] [--only NAME]... [--anew]

  --shard i/n   every n-th plan, beginning with the i-th; results of all shards are merged
  --only NAME   this plan, also if it was tried before; may be given again
  --anew        try again what has a result
`;

function refuse(what: string): never {
  process.stderr.write(`test:proof: ${what}\n\n${usage}`);
  process.exit(2);
}

const { values } = parseArgs({ options: { shard: { type: 'string', default: '1/1' }, only: { type: 'string', multiple: true }, anew: { type: 'boolean', default: false } } });
const [, index, count] = (/^(\d+)\/(\d+)$/.exec(values.shard) ?? []).map(Number);
if (index === undefined || count === undefined || index < 1 || index > count) refuse(`--shard: ${values.shard} is not "1/3"`);
for (const name of values.only ?? [])
  if (!plans.some((plan) => plan.name === name)) refuse(`--only: there is no plan "${name}"; there are: ${plans.map((plan) => plan.name).join(', ')}`);
const paths = labPaths('proof');
const folder = join(paths.root, 'proof-results');
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const chosen = plans.filter(({ name }, n) => (values.only === undefined ? n % count === index - 1 : values.only.includes(name)));

async function main(): Promise<number> {
  if (readShape(paths) === undefined) refuse('there is no lab of layout proof: "npm run lab -- up --layout proof" makes it');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const quiet = new Stages(() => undefined);
  if (!existsSync(snapshotFolder(paths, freshSnapshot))) await takeSnapshot(openLab({ paths }), freshSnapshot, quiet);
  for (const plan of chosen) {
    const file = join(folder, `${plan.name}.json`);
    if (existsSync(file) && !values.anew && values.only === undefined) continue;
    const lab = await restoreSnapshot(paths, freshSnapshot, quiet);
    const result = await tryOn(lab, plan).catch((error: unknown) => {
      print(`${plan.name}: could not be tried: ${error instanceof Error ? error.message.slice(0, 600) : String(error)}`);
      return undefined;
    });
    if (result === undefined) continue;
    writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
    print(table([result]));
  }
  const results = readResults(
    folder,
    plans.map(({ name }) => name),
  );
  print(table(results));
  const edges = results.flatMap((result: PlanResult) => result.edges);
  const unseen = edges.filter(({ observed }) => observed === 'unseen').length;
  // Whoever cannot be asked excuses a miss: more than one in ten, and the proof says nothing.
  if (unseen * 10 > edges.length) print(`${unseen} of ${edges.length} edges could not be asked: more than one in ten`);
  return unseen * 10 <= edges.length && edges.every(({ predicted, observed }) => observed === 'unseen' || predicted === observed) ? 0 : 1;
}

process.exitCode = await withLock(paths, 'proof', main);
