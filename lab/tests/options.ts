/** What `npm run test:lab --` understands. */

import { parseArgs } from 'node:util';
import { readDuration } from '../../src/domain/plan/duration.js';
import { type Scenario, scenarios } from './scenarios.js';

export const usage = `usage: npm run test:lab [-- --all] [--budget 20m] [--only NAME]

  --all          every scenario
  --budget TIME  how long the scenarios may take together (default 20m); the commit decides which are drawn
  --only NAME    one of ${scenarios.map(({ name }) => name).join(', ')}; may be given again
`;

export interface TestOptions {
  readonly all: boolean;
  readonly budgetMinutes: number;
  readonly only: readonly Scenario[];
}

/** Text if there is something wrong with the arguments. */
export function readOptions(args: readonly string[]): TestOptions | string {
  let values: { all?: boolean; budget?: string; only?: string[] };
  try {
    ({ values } = parseArgs({ args: [...args], options: { all: { type: 'boolean' }, budget: { type: 'string' }, only: { type: 'string', multiple: true } } }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const budget = readDuration(values.budget ?? '20m');
  if (!('ms' in budget)) return `--budget: ${budget.wrong}`;
  const names = values.only ?? [];
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) return `no such scenario: ${unknown.join(', ')}`;
  return { all: values.all ?? false, budgetMinutes: budget.ms / 60_000, only: scenarios.filter(({ name }) => names.includes(name)) };
}
