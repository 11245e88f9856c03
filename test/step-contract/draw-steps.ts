/** Which steps of a playbook are held against the contract, and where they are cut off: drawn by the commit, so that a failure can be drawn again. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { drawNumber, drawOrder } from '../../src/domain/draw.js';
import { readPlaybook } from '../../src/domain/plan/playbook.js';
import { stepKinds } from '../../src/steps/index.js';

export const playbookFile = fileURLToPath(new URL('../../playbooks/cluster-ca.yaml', import.meta.url));

/** Set for a whole test run: every step, and every point at which a process can die. */
export const isAllAsked = process.env.ROTATE_CA_TEST_ALL === '1';

export const seed = seedOfTests();

export interface DrawnSteps {
  /** Names in the playbook, in its order. */
  readonly all: readonly string[];
  readonly drawn: ReadonlySet<string>;
  /** Of all steps. */
  readonly kinds: ReadonlySet<string>;
}

/** A kind is used several times in a playbook: one step of each kind is drawn, of `most` kinds; ROTATE_CA_TEST_STEPS=a,b names them instead. */
export function drawSteps(most = Number.POSITIVE_INFINITY): DrawnSteps {
  const steps = readPlaybook(readFileSync(playbookFile, 'utf8'), playbookFile, stepKinds).steps;
  const all = steps.map(({ name }) => name);
  const kinds = new Set(steps.map(({ kind }) => kind));
  const named = process.env.ROTATE_CA_TEST_STEPS ?? '';
  if (named !== '') return { all, kinds, drawn: new Set(named.split(',').map((name) => known(name, all))) };
  if (isAllAsked) return { all, kinds, drawn: new Set(all) };
  const order = drawOrder(seed, steps, ({ name }) => name);
  const ofEachKind = order.filter((step, i) => order.findIndex(({ kind }) => kind === step.kind) === i);
  return { all, kinds, drawn: new Set(ofEachKind.slice(0, most).map(({ name }) => name)) };
}

/** After how many of `of` changes something happens: one number, or each of them. */
export function drawKillPoints(of: number, purpose: string): readonly number[] {
  if (isAllAsked) return Array.from({ length: of }, (_, i) => i + 1);
  return of === 0 ? [] : [1 + Math.floor(drawNumber(seed, purpose) * of)];
}

/** What a reader of the log needs to know of the sample. */
export function sampleInWords({ all, drawn }: DrawnSteps): string {
  const left = all.filter((step) => !drawn.has(step));
  return `drawn by ${seed} (ROTATE_CA_TEST_SEED)${left.length === 0 ? ': all' : `; not held against the contract: ${left.join(', ')} (ROTATE_CA_TEST_ALL=1: all, with every kill point)`}`;
}

function known(name: string, all: readonly string[]): string {
  if (all.includes(name)) return name;
  throw new Error(`ROTATE_CA_TEST_STEPS: the playbook has no step "${name}"`);
}

/** Of a copy without git the same is drawn every time. */
function seedOfTests(): string {
  const { ROTATE_CA_TEST_SEED: given = '' } = process.env;
  if (given !== '') return given;
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'no-commit';
  }
}
