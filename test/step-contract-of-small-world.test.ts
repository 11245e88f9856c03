/** The step contract itself: a kind of the small world keeps it. */

import { failure, RotationError } from '../src/domain/errors.js';
import type { StepKind } from '../src/ports/step-kind.js';
import { type ContractWorld, describeStepKind } from './step-contract.js';
import { createFakeClock } from './support/fake-clock.js';
import { bareSiteOf, planOf, stepWith } from './support/plans.js';
import { createWorld, kindsOf } from './support/world.js';

const params = { key: 'leaf', value: 'incoming' };
const step = stepWith({ id: 'a', kind: 'set', targets: ['w1'], params });
const lost = () => new RotationError(failure('ssh-lost', { target: 'w1', summary: 'lost', nextAction: 'resume' }));

// The kind's hands are on the world of the present test.
let small = createWorld();
const kind = kindsOf({
  get values() {
    return small.values;
  },
  log: [],
  snapshot: () => small.snapshot(),
  on: (moment) => small.on(moment),
}).get('set') as StepKind<unknown>;

function openWorld(): Promise<ContractWorld> {
  small = createWorld({ 'leaf@w1': 'outgoing' });
  let left = Number.POSITIVE_INFINITY;
  // Each change of the small world has two moments; death may come at either.
  small.on = (moment) => {
    if (left <= 0) throw lost();
    if (moment.includes('half') || moment.includes('done')) left--;
  };
  const clock = createFakeClock();
  return Promise.resolve({
    site: ({ signal, told }) =>
      bareSiteOf(planOf([step]), step, 'w1', {
        phase: 'apply',
        direction: 'forward',
        attempt: 1,
        signal,
        deadlineAtMs: clock.now() + 60_000,
        now: clock.now,
        wait: (ms) => clock.wait(ms, { signal }),
        tell: told,
      }),
    snapshot: () => Promise.resolve(small.snapshot()),
    killAfter: (changes) => {
      left = changes;
    },
    revive: () => {
      left = Number.POSITIVE_INFINITY;
    },
    observedEffects: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  });
}

describeStepKind({ kind, params, world: openWorld });
