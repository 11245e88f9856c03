/** The scenarios of the lab tests, how long each takes, and which of them fit a budget of time. */

import { drawOrder } from '../../src/domain/draw.js';

export interface Scenario {
  readonly name: string;
  /** Files of tests, in the order in which they run on the same cluster. */
  readonly files: readonly string[];
  /** Measured on two cores, with the restore before it. */
  readonly minutes: number;
  readonly what: string;
}

export const scenarios: readonly Scenario[] = [
  { name: 'vault', files: ['.lab.test.ts'], minutes: 0.2, what: 'the issuer against a private Vault' },
  {
    name: 'full-rotation',
    files: ['test/lab/full-rotation.test.ts', 'test/lab/after-distrust.test.ts', 'test/lab/finalized.test.ts'],
    minutes: 10,
    what: 'the whole rotation under probes, then the state after it, then finalize',
  },
  { name: 'killed-and-resumed', files: ['test/lab/killed-and-resumed.test.ts'], minutes: 12, what: 'SIGKILL in the middle of an apply, then resume' },
  { name: 'rolled-back', files: ['test/lab/rolled-back.test.ts'], minutes: 9, what: 'taken back from the gate before distrust, after a node has joined' },
  { name: 'fidelity', files: ['test/lab/fidelity.test.ts'], minutes: 10, what: 'the table of behaviours that staging is held to' },
  { name: 'step-contract', files: ['test/lab/step-contract.test.ts'], minutes: 10, what: 'steps drawn by the commit, each held against every rule of the contract of step kinds' },
  { name: 'keep', files: ['test/lab/keep.test.ts'], minutes: 2, what: 'a staging cluster that is kept, seen with ssh, kubectl and vault as it is printed' },
  { name: 'refused', files: ['test/lab/refused.test.ts'], minutes: 5, what: 'bad input is refused before anything is changed' },
];

/** Scenarios differ by so much from what was measured on the same machine. */
const margin = 2;

/** What a scenario may need. `slowness`: how many times as long as measured those before it took; 1 if there was none. */
export function mayTakeMinutes({ minutes }: Scenario, slowness: number): number {
  return minutes * margin * Math.max(1, slowness);
}

export interface Drawn {
  readonly chosen: readonly Scenario[];
  readonly left: readonly Scenario[];
}

/** What costs a minute is always in; of the rest, in an order drawn by the commit, as many as fit. One is always in. */
export function drawScenarios(all: readonly Scenario[], seed: string, budgetMinutes: number): Drawn {
  const always = all.filter(({ minutes }) => minutes <= 1);
  const chosen = new Set(always);
  let left = budgetMinutes - always.reduce((sum, { minutes }) => sum + minutes, 0);
  for (const scenario of drawOrder(
    seed,
    all.filter((one) => !chosen.has(one)),
    ({ name }) => name,
  )) {
    if (scenario.minutes > left && chosen.size > always.length) continue;
    chosen.add(scenario);
    left -= scenario.minutes;
  }
  return { chosen: all.filter((one) => chosen.has(one)), left: all.filter((one) => !chosen.has(one)) };
}
