/** The scenarios of the lab tests, how long each takes, and which of them fit a budget of time. */

import { drawOrder } from '../../src/domain/draw.js';
import type { LayoutName } from '../layout.js';

export interface Scenario {
  readonly name: string;
  /** `any`: it needs what every lab has built, and no cluster. */
  readonly layout: LayoutName | 'any';
  /** Files of tests, in the order in which they run on the same cluster. */
  readonly files: readonly string[];
  /** Measured on two cores, with the restore before it. */
  readonly minutes: number;
  readonly what: string;
  /** In every draw, whatever it costs. */
  readonly isAlways?: boolean;
  /** Why it is never drawn: it runs with `--only`, `--layout` or `--all` alone. */
  readonly onlyAskedFor?: string;
}

export const scenarios: readonly Scenario[] = [
  { name: 'vault', layout: 'any', files: ['.lab.test.ts'], minutes: 0.2, what: 'the issuer against a private Vault' },
  { name: 'expiry', layout: 'kubeadm', files: ['test/lab/expiry.test.ts'], minutes: 1.5, what: 'rotate-ca expiry beside kubeadm certs check-expiration, row by row' },
  {
    name: 'full-rotation',
    layout: 'kubeadm',
    files: ['test/lab/full-rotation.test.ts', 'test/lab/after-distrust.test.ts', 'test/lab/finalized.test.ts'],
    minutes: 10,
    what: 'the whole rotation under probes, then the state after it, then finalize',
  },
  { name: 'killed-and-resumed', layout: 'kubeadm', files: ['test/lab/killed-and-resumed.test.ts'], minutes: 12, what: 'SIGKILL in the middle of an apply, then resume' },
  {
    name: 'rolled-back',
    layout: 'kubeadm',
    files: ['test/lab/rolled-back.test.ts'],
    minutes: 9,
    what: 'taken back from the gate before distrust, after a node has joined',
  },
  { name: 'fidelity', layout: 'kubeadm', files: ['test/lab/fidelity.test.ts'], minutes: 10, what: 'the table of behaviours that staging is held to' },
  {
    name: 'step-contract',
    layout: 'kubeadm',
    files: ['test/lab/step-contract.test.ts'],
    minutes: 10,
    what: 'steps drawn by the commit, each held against every rule of the contract of step kinds',
  },
  {
    name: 'keep',
    layout: 'any',
    files: ['test/lab/keep.test.ts'],
    minutes: 2,
    what: 'a staging cluster that is kept, seen with ssh, kubectl and vault as it is printed',
  },
  { name: 'refused', layout: 'kubeadm', files: ['test/lab/refused.test.ts'], minutes: 5, what: 'bad input is refused before anything is changed' },
  {
    name: 'hard-way-cutover',
    layout: 'hard-way',
    files: ['test/lab/hard-way-cutover.test.ts'],
    minutes: 5,
    what: 'the whole cutover under probes and clients of an application, then the state after it',
  },
  {
    name: 'hard-way-rolled-back',
    layout: 'hard-way',
    files: ['test/lab/hard-way-rolled-back.test.ts'],
    minutes: 8,
    what: 'a cutover taken back from its middle, and again after the tokens',
  },
  {
    name: 'hard-way-killed',
    layout: 'hard-way',
    files: ['test/lab/hard-way-killed.test.ts'],
    minutes: 5,
    what: 'SIGKILL while the API is away between etcd and API servers, then resume',
  },
  {
    name: 'proof-sample',
    layout: 'proof',
    files: ['test/lab/proof-sample.test.ts'],
    minutes: 5,
    what: 'two plans made wrong on purpose, drawn by the commit: each edge is predicted as it is seen (all: npm run test:proof)',
    isAlways: true,
  },
  {
    name: 'release-1.30',
    layout: 'kubeadm-1.30',
    files: ['test/lab/expiry.test.ts', 'test/lab/full-rotation.test.ts', 'test/lab/after-distrust.test.ts', 'test/lab/finalized.test.ts'],
    minutes: 14,
    what: 'expiry, the whole rotation under probes, the state after it and finalize, on Kubernetes 1.30',
    onlyAskedFor: 'its programs are built for it alone, which takes 20 min',
  },
  {
    name: 'load-policies-1.30',
    layout: 'kubeadm-1.30',
    files: ['test/lab/load-policies.test.ts'],
    minutes: 50,
    what: 'when components of Kubernetes 1.30 take what is stored: the table of docs/load-policies.md, row by row',
    onlyAskedFor: 'its programs are built for it alone, which takes 20 min',
  },
];

/** Scenarios by the lab that they run on, in the order of the list. What needs no cluster runs beside the first. */
export function byLayout(chosen: readonly Scenario[]): ReadonlyMap<LayoutName, readonly Scenario[]> {
  const first = chosen.map(({ layout }) => layout).find((layout) => layout !== 'any') ?? 'kubeadm';
  const sorted = new Map<LayoutName, Scenario[]>();
  for (const scenario of chosen) {
    const layout = scenario.layout === 'any' ? first : scenario.layout;
    sorted.set(layout, [...(sorted.get(layout) ?? []), scenario]);
  }
  return sorted;
}

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

/** What costs a minute is always in, and what says so; of the rest, in an order drawn by the commit, as many as fit. One is always in, and what is only asked for never. */
export function drawScenarios(all: readonly Scenario[], seed: string, budgetMinutes: number): Drawn {
  const drawable = all.filter(({ onlyAskedFor }) => onlyAskedFor === undefined);
  const always = drawable.filter(({ minutes, isAlways }) => minutes <= 1 || isAlways === true);
  const chosen = new Set(always);
  let left = budgetMinutes - always.reduce((sum, { minutes }) => sum + minutes, 0);
  for (const scenario of drawOrder(
    seed,
    drawable.filter((one) => !chosen.has(one)),
    ({ name }) => name,
  )) {
    if (scenario.minutes > left && chosen.size > always.length) continue;
    chosen.add(scenario);
    left -= scenario.minutes;
  }
  return { chosen: all.filter((one) => chosen.has(one)), left: all.filter((one) => !chosen.has(one)) };
}
