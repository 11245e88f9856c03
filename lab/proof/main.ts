/** `npm run test:proof`: plans made wrong on purpose on the lab of layout `proof`; what was predicted is held against what is seen. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { labPaths, openLab, readShape } from '../lab.js';
import { withLock } from '../lock.js';
import { restoreSnapshot } from '../snapshot/restore.js';
import { snapshotFolder, takeSnapshot } from '../snapshot/snapshot.js';
import { Stages } from '../stages.js';
import { newOperator } from '../tests/operator.js';
import { plans } from './plans.js';
import { makeToken, openProber } from './prober.js';
import { readResults, table } from './results.js';
import { type PlanResult, tryPlan } from './try-plan.js';

const { values } = parseArgs({ options: { shard: { type: 'string', default: '1/1' }, only: { type: 'string', multiple: true }, anew: { type: 'boolean', default: false } } });
const [, index = '1', count = '1'] = /^(\d+)\/(\d+)$/.exec(values.shard) ?? [];
const paths = labPaths('proof');
const snapshot = 'fresh';
const folder = join(paths.root, 'proof-results');
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const chosen = plans.filter(({ name }, n) => (values.only === undefined ? n % Number(count) === Number(index) - 1 : values.only.includes(name)));

async function main(): Promise<number> {
  if (readShape(paths) === undefined) throw new Error('there is no lab of layout proof: "npm run lab -- up --layout proof" makes it');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const quiet = new Stages(() => undefined);
  if (!existsSync(snapshotFolder(paths, snapshot))) await takeSnapshot(openLab({ paths }), snapshot, quiet);
  for (const plan of chosen) {
    const file = join(folder, `${plan.name}.json`);
    if (existsSync(file) && !values.anew && values.only === undefined) continue;
    const lab = await restoreSnapshot(paths, snapshot, quiet);
    const result = await tryPlan(openProber(lab, await makeToken(lab)), await newOperator(lab, `proof-${plan.name}`), plan).catch((error: unknown) => {
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
  return results.every((result: PlanResult) => result.edges.every(({ predicted, observed }) => observed === 'unseen' || predicted === observed)) ? 0 : 1;
}

process.exitCode = await withLock(paths, 'proof', main);
