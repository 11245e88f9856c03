/** What `npm run test:lab --` understands. */

import { parseArgs } from 'node:util';
import { readDuration } from '../../src/domain/plan/duration.js';
import { layoutOf, type LayoutName, layouts } from '../layout.js';
import { type Scenario, scenarios } from './scenarios.js';

export const usage = `usage: npm run test:lab [-- --all] [--layout NAME] [--budget 20m] [--within TIME] [--only NAME]

  --all          every scenario
  --layout NAME  every scenario on the lab of this layout: ${Object.keys(layouts).join(', ')}
  --budget TIME  how long the scenarios may take together (default 20m); the commit decides which are drawn
  --within TIME  no scenario begins that may not be over by then, with all that comes before it
  --only NAME    one of ${scenarios.map(({ name }) => name).join(', ')}; may be given again
`;

export interface TestOptions {
  readonly all: boolean;
  readonly layout: LayoutName | undefined;
  readonly budgetMinutes: number;
  /** From now on; Infinity if nobody has said. */
  readonly withinMinutes: number;
  readonly only: readonly Scenario[];
}

/** Text if there is something wrong with the arguments. */
export function readOptions(args: readonly string[]): TestOptions | string {
  let values: { all?: boolean; layout?: string; budget?: string; within?: string; only?: string[] };
  try {
    const text = { type: 'string' } as const;
    ({ values } = parseArgs({ args: [...args], options: { all: { type: 'boolean' }, layout: text, budget: text, within: text, only: { ...text, multiple: true } } }));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const budget = readDuration(values.budget ?? '20m');
  if (!('ms' in budget)) return `--budget: ${budget.wrong}`;
  const within = values.within === undefined ? { ms: Number.POSITIVE_INFINITY } : readDuration(values.within);
  if (!('ms' in within)) return `--within: ${within.wrong}`;
  const names = values.only ?? [];
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) return `no such scenario: ${unknown.join(', ')}`;
  const layout = layoutOf(values.layout);
  if (values.layout !== undefined && layout === undefined) return `no such layout: ${values.layout}`;
  const only = scenarios.filter(({ name }) => names.includes(name));
  const elsewhere = only.filter((scenario) => layout !== undefined && scenario.layout !== layout && scenario.layout !== 'any');
  if (elsewhere.length > 0) return `of another layout than ${layout}: ${elsewhere.map(({ name }) => name).join(', ')}`;
  return { all: values.all ?? false, layout, budgetMinutes: budget.ms / 60_000, withinMinutes: within.ms / 60_000, only };
}
