/** `npm run test:lab`: brings the lab up and runs scenarios on it. The last line is the count of the tests that really ran. */

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { closingLine, type Tally } from '../scripts/closing-line.js';
import { type LabPaths, labPaths } from './lab.js';
import { withLock } from './lock.js';
import { readOptions, type TestOptions, usage } from './tests/options.js';
import { prepareLab, reasonsAgainst } from './tests/prepare-lab.js';
import { byLayout, drawScenarios, mayTakeMinutes, type Scenario, scenarios } from './tests/scenarios.js';
import { whileOthersStandStill } from './tests/standing-still.js';
import { runTests } from './tests/vitest-run.js';

const startedMs = performance.now();
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** No scenario takes longer than this many times what was measured. */
const patience = 3;
/** How slow a machine is, is not told by what is over in a moment. */
const tellingMinutes = 1;
const minuteMs = 60_000;
/** setTimeout fires at once beyond this. */
const longestTimerMs = 2 ** 31 - 1;

async function testLab(options: TestOptions): Promise<Tally> {
  const seed = commit();
  const drawn = draw(options, seed);
  print(`lab tests at ${seed}: ${drawn.chosen.map(({ name }) => name).join(', ')}`);
  for (const { name, what, minutes, onlyAskedFor = '' } of drawn.left) {
    print(`  not drawn: ${name} (${what}; about ${minutes} min${onlyAskedFor && `; never drawn: ${onlyAskedFor}`}): npm run test:lab -- --only ${name}`);
  }
  const state: State = { options, seed, sum: { passed: 0, failed: 0, skipped: 0 }, slowness: 1 };
  for (const [layout, chosen] of byLayout(drawn.chosen)) await testOn(labPaths(layout), chosen, state);
  return state.sum;
}

interface State {
  readonly options: TestOptions;
  readonly seed: string;
  readonly sum: Tally;
  /** How many times as long as measured scenarios have taken so far. */
  slowness: number;
}

function leftMinutes({ withinMinutes }: TestOptions): number {
  return withinMinutes - (performance.now() - startedMs) / minuteMs;
}

async function testOn(paths: LabPaths, chosen: readonly Scenario[], state: State): Promise<void> {
  const { options, sum } = state;
  const skipAll = (): void => {
    sum.skipped += chosen.reduce((count, { files }) => count + files.length, 0);
  };
  if (leftMinutes(options) <= 0) {
    print(`No time is left for the tests on the lab of layout ${paths.layout.name}, so they are skipped.`);
    return skipAll();
  }
  const reasons = await reasonsAgainst(paths);
  if (reasons.length > 0) {
    print(`This machine cannot run the tests on the lab of layout ${paths.layout.name}, so they are skipped. Missing:\n${reasons.map((reason) => `  - ${reason}`).join('\n')}`);
    return skipAll();
  }
  // Held to the end: nobody takes the cluster away under a rotation.
  await withLock(paths, 'test', () =>
    whileOthersStandStill(paths.layout.name, print, async () => {
      const late = sleep(Math.min(leftMinutes(options) * minuteMs, longestTimerMs), true, { ref: false });
      if (await Promise.race([prepareLab(paths, print).then(() => false), late])) {
        print('The lab has not come up in the time that there was, so its tests are skipped. What has been built of it stays.');
        return skipAll();
      }
      for (const scenario of chosen) await runIfItFits(scenario, state);
    }),
  );
}

async function runIfItFits(scenario: Scenario, state: State): Promise<void> {
  const need = mayTakeMinutes(scenario, state.slowness);
  const left = leftMinutes(state.options);
  if (need > left) {
    print(`  not drawn: ${scenario.name} (${scenario.what}; it may take ${need.toFixed(0)} min, and ${left.toFixed(0)} are left): npm run test:lab -- --only ${scenario.name}`);
    return;
  }
  const took = await runScenario(scenario, state);
  if (scenario.minutes >= tellingMinutes) state.slowness = Math.max(state.slowness, took / scenario.minutes);
}

/** Minutes that it took. */
async function runScenario(scenario: Scenario, { options, seed, sum }: State): Promise<number> {
  const started = performance.now();
  const endsAt = started + Math.min(scenario.minutes * patience * (options.all ? 6 : 1), leftMinutes(options)) * minuteMs;
  print(`\n=== ${scenario.name}: ${scenario.what}`);
  const before = { ...sum };
  for (const file of scenario.files) {
    const env = { ROTATE_CA_TEST_SEED: seed, ROTATE_CA_TEST_ALL: options.all ? '1' : '', ROTATE_CA_TEST_LAYOUT: scenario.layout === 'any' ? '' : scenario.layout };
    const ran = await runTests({ file, env, timeoutMs: Math.max(minuteMs, endsAt - performance.now()) });
    sum.passed += ran.passed;
    sum.failed += ran.failed;
    sum.skipped += ran.skipped;
  }
  const own = { passed: sum.passed - before.passed, failed: sum.failed - before.failed, skipped: sum.skipped - before.skipped };
  const took = (performance.now() - started) / minuteMs;
  print(`=== ${scenario.name}: ${closingLine(own)} in ${took.toFixed(1)} min`);
  return took;
}

function draw({ all, layout, only, budgetMinutes }: TestOptions, seed: string): ReturnType<typeof drawScenarios> {
  if (only.length > 0) return { chosen: only, left: [] };
  if (layout !== undefined) return { chosen: scenarios.filter((scenario) => scenario.layout === layout), left: [] };
  return all ? { chosen: scenarios, left: [] } : drawScenarios(scenarios, seed, budgetMinutes);
}

/** Of a copy without git there is no commit: then the same sample is drawn every time. */
function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'no-commit';
  }
}

// vitest and what it started are ended by the handlers of `exit`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130));

const options = readOptions(process.argv.slice(2));
if (typeof options === 'string') {
  process.stderr.write(`test:lab: ${options}\n\n${usage}`);
  process.exit(2);
}
let tally: Tally;
try {
  tally = await testLab(options);
} catch (error) {
  // The lab did not come up: that is a failure, and nothing was tested.
  print(`the lab tests could not be run: ${error instanceof Error ? error.message : String(error)}`);
  tally = { passed: 0, failed: 1, skipped: 0 };
}
print(closingLine(tally));
process.exit(tally.failed === 0 ? 0 : 1);
