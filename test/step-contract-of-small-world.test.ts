/** The contract itself: a kind of the small world keeps it, and each way to break it is found under its rule. */

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failure, RotationError } from '../src/domain/errors.js';
import type { Clock } from '../src/ports/clock.js';
import type { AnyStepKind } from '../src/ports/step-kind.js';
import type { Bench } from './step-contract/bench.js';
import { newLife } from './step-contract/life.js';
import { checkContract } from './step-contract/rules.js';
import { triedAsByTheEngine } from './step-contract/tried.js';
import { expectedTrust, trustDifferences } from './step-contract/trust-seen.js';
import { createFakeClock } from './support/fake-clock.js';
import { bareSiteOf, planOf, stepWith } from './support/plans.js';
import { createWorld, kindsOf, type World } from './support/world.js';

const params = { key: 'leaf', value: 'incoming' };
const step = stepWith({ id: 'a', kind: 'set', targets: ['w1'], params });
const soonMs = 100;

function benchOf(world: World, clock: Clock): Bench {
  let life = newLife();
  let signal = new AbortController().signal;
  let attempt = 1;
  // Each change of the small world has two moments; death may come at either.
  const goOn = (): void => {
    life.use();
    // As ports do.
    if (signal.aborted) throw new RotationError(failure('interrupted', { target: 'w1', summary: 'it was told to end', cause: '', nextAction: 'Resume' }));
  };
  world.on = (moment) => {
    goOn();
    if (!moment.includes('half') && !moment.includes('done')) return;
    life.changed();
    goOn();
  };
  return {
    site(wish) {
      ({ life, signal } = wish);
      return bareSiteOf(planOf([step]), step, 'w1', {
        phase: 'apply',
        direction: 'forward',
        attempt,
        signal: wish.signal,
        deadlineAtMs: clock.now() + 60_000,
        now: clock.now,
        wait: (ms) => clock.wait(ms, { signal: wish.signal }),
        tell: wish.told,
      });
    },
    snapshot: () => Promise.resolve(world.snapshot()),
    keep: (checkpoint) => Promise.resolve(JSON.parse(JSON.stringify(checkpoint))),
    nextAttempt: () => void attempt++,
    patienceMs: 0,
    pause: () => Promise.resolve(),
    tried: triedAsByTheEngine(clock, 1),
    now: clock.now,
  };
}

/** Every kill point is tried. */
function check(breakIt: (kind: AnyStepKind, world: World, after: Clock['wait']) => Partial<AnyStepKind>) {
  const clock = createFakeClock();
  const world = createWorld({ 'leaf@w1': 'outgoing' });
  const kind = kindsOf(world).get('set') as AnyStepKind;
  const killPoints = (of: number): number[] => Array.from({ length: of }, (_, i) => i + 1);
  return checkContract({ kind: { ...kind, ...breakIt(kind, world, clock.wait) }, params, bench: benchOf(world, clock), killPoints, soonMs });
}

const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

describe('the contract of step kinds', () => {
  it('is kept by a kind that changes one value and puts it back', async () => {
    expect(await check(() => ({}))).toEqual([]);
  });

  it.each<[rule: number, what: string, (kind: AnyStepKind, world: World, after: Clock['wait']) => Partial<AnyStepKind>]>([
    [
      1,
      'a second apply adds something',
      (kind, world) => ({
        apply: async (site, p) => {
          world.values.set('log@w1', `${world.values.get('log@w1') ?? ''}x`);
          await kind.apply(site, p);
        },
      }),
    ],
    [2, 'inspect says present before', () => ({ inspect: () => Promise.resolve('present') })],
    [2, 'inspect says absent after', () => ({ inspect: () => Promise.resolve('absent') })],
    [2, 'verify does not see what was applied', () => ({ verify: () => Promise.resolve([failure('chain-broken', { target: 'w1', summary: 'no', nextAction: 'Look' })]) })],
    [3, 'undo does nothing', () => ({ undo: () => Promise.resolve(), checkpoint: () => Promise.resolve({ files: [], objects: [], notes: {} }) })],
    [
      3,
      'undo leaves what apply has made beside',
      (kind, world) => ({
        apply: async (site, p) => {
          world.values.set('beside@w1', 'made');
          await kind.apply(site, p);
        },
      }),
    ],
    [
      3,
      'apply goes on from where it died, and misses a half',
      (kind, world) => ({
        apply: async (site, p) => {
          if (world.values.get('leaf@w1') === 'outgoing') await kind.apply(site, p);
          world.values.set('end@w1', 'made');
        },
        undo: async (site, p, checkpoint) => {
          world.values.delete('end@w1');
          await kind.undo(site, p, checkpoint);
        },
        inspect: async (site, p) => (world.values.has('end@w1') ? 'present' : await kind.inspect(site, p)),
        checkpoint: () => Promise.resolve({ files: [], objects: [], notes: { before: world.values.get('leaf@w1') } }),
      }),
    ],
    [
      4,
      'preflight writes',
      (_, world) => ({
        preflight: async () => {
          world.values.set('looked@w1', 'yes');
          return [];
        },
      }),
    ],
    [6, 'verify does not listen to its signal', (_kind, _world, after) => ({ verify: () => after(2 * soonMs).then(() => []) })],
    [6, 'inspect has a word of its own', () => ({ inspect: () => Promise.resolve('done' as never) })],
    [
      7,
      'a key is told',
      (kind) => ({
        apply: async (site, p) => {
          site.tell(key);
          await kind.apply(site, p);
        },
      }),
    ],
    [7, 'a key is in a failure', () => ({ preflight: () => Promise.resolve([failure('chain-broken', { target: 'w1', summary: key, nextAction: 'Look' })]) })],
    [8, 'an unknown parameter is taken', () => ({ params: z.object({ key: z.string(), value: z.string() }) })],
    [
      9,
      'each checkpoint is another',
      (kind) => {
        let taken = 0;
        return { checkpoint: async (site, p) => ({ ...(await kind.checkpoint(site, p)), objects: [{ apiVersion: 'v1', kind: 'N', name: String(taken++) }] }) };
      },
    ],
  ])('rule %i: %s', async (rule, _, breakIt) => {
    expect((await check(breakIt)).map((finding) => finding.rule)).toContain(rule);
  });
});

describe('rule 5: trust as declared', () => {
  const before = { 'servers@w1': 'outgoing', 'servers@w2': 'outgoing', 'kubelets@w1 kubelet.conf': 'outgoing', 'extension-servers@ConfigMap': 'outgoing' };
  const widened = [{ type: 'trusts', verifier: 'servers', cas: ['outgoing', 'incoming'] }] as const;

  it('is what the targets, and what follows them, show', () => {
    const now = { ...before, 'servers@w1': 'outgoing + incoming', 'extension-servers@ConfigMap': 'outgoing + incoming' };
    expect(trustDifferences(expectedTrust(before, widened, ['w1']), now)).toEqual([]);
  });

  it.each([
    ['nothing was done', before, ['w1'], 'servers@w1: declared outgoing + incoming, seen outgoing'],
    ['more was done', { ...before, 'kubelets@w1 kubelet.conf': 'incoming' }, [], 'kubelets@w1 kubelet.conf: declared outgoing, seen incoming'],
  ])('%s', (_, now, targets, found) => {
    expect(trustDifferences(expectedTrust(before, targets.length === 0 ? [] : widened, targets), now)).toContain(found);
  });
});
