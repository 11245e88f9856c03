/** What the engine does with a step kind: tries again, keeps deadlines, goes in waves, redacts, writes before it acts. */

import { describe, expect, it } from 'vitest';
import { failure, RotationError, type ErrorCode } from '../src/domain/errors.js';
import type { Plan, PlannedStep } from '../src/domain/plan/plan.js';
import { openRun } from '../src/engine/open-run.js';
import type { Journal } from '../src/ports/journal.js';
import type { AnyStepKind, Site } from '../src/ports/step-kind.js';
import { createFakeClock } from './support/fake-clock.js';
import { createMemoryJournal } from './support/memory-journal.js';
import { bareSiteOf, planOf, stepWith } from './support/plans.js';
import { createMemoryCheckpoints, createWorld, kindsOf } from './support/world.js';

const by = 'sre';
const refusal = (code: ErrorCode, retryable = true, cause = '') => new RotationError(failure(code, { target: 'w1', summary: 'refused', cause, nextAction: 'Look', retryable }));

interface Counts {
  [method: string]: number;
}

/** One step on these targets, of a kind with some methods of its own. `counts` are the calls. */
function stepOn(targets: readonly string[], own: Partial<AnyStepKind> & { readonly step?: Partial<PlannedStep> } = {}) {
  const world = createWorld();
  const { step, ...methods } = own;
  const set = kindsOf(world).get('set')!;
  const counts: Counts = {};
  const kind = { ...set, ...methods } as AnyStepKind;
  for (const name of ['preflight', 'checkpoint', 'apply', 'inspect', 'verify', 'undo'] as const) {
    const method = kind[name].bind(kind) as (...args: unknown[]) => unknown;
    Object.assign(kind, {
      [name]: (...args: unknown[]) => {
        counts[name] = (counts[name] ?? 0) + 1;
        return method(...args);
      },
    });
  }
  const journal = createMemoryJournal();
  const clock = createFakeClock(0);
  const plan = planOf([stepWith({ id: 'a', kind: 'set', targets, params: { key: 'k', value: 'v' }, ...step })]);
  const run = openRun({ run: 'r1', tool: 't', plan, journal, kinds: new Map([['set', kind]]), checkpoints: createMemoryCheckpoints(), siteOf: bareSiteOf, clock });
  const facts = () => journal.lines().map((line) => line.fact);
  async function go() {
    run.start();
    run.decide({ type: 'run.submitted', by });
    return run.until('waiting');
  }
  const notes = () => facts().flatMap((fact) => (fact.type === 'note' ? [fact.message] : []));
  const failures = () => facts().flatMap((fact) => (fact.type === 'step.failed' ? fact.failures : []));
  return { run, go, facts, notes, failures, counts, clock, world, set };
}

/** Throws the first n times it is called, then does what follows. */
function failing(times: number, error: () => Error, then: (site: Site, params: never) => Promise<unknown>) {
  let calls = 0;
  return (site: Site, params: never) => (++calls <= times ? Promise.reject(error()) : then(site, params)) as never;
}

describe('what may be tried again', () => {
  const { set } = stepOn([]);
  it.each([
    ['preflight', 3, 'succeeded', 4],
    ['preflight', 4, 'halted', 4],
    ['checkpoint', 3, 'succeeded', 4],
    ['verify', 3, 'succeeded', 4],
    ['verify', 4, 'halted', 4],
  ] as const)('%s, failing %d times, ends %s after %d calls', async (method, times, end, calls) => {
    const proved = method === 'verify' ? () => Promise.resolve([]) : set[method];
    const { go, counts, clock } = stepOn(['w1'], { verify: () => Promise.resolve([]), [method]: failing(times, () => refusal('api-refused'), proved) });
    expect(await go()).toMatchObject({ value: end });
    expect(counts[method]).toBe(calls);
    expect(clock.now()).toBe(13_000);
  });

  it('is not what says that it is not', async () => {
    const { go, counts } = stepOn(['w1'], {
      preflight: failing(
        1,
        () => refusal('api-forbidden', false),
        () => Promise.resolve([]),
      ),
    });
    expect(await go()).toMatchObject({ value: 'halted' });
    expect(counts.preflight).toBe(1);
  });

  it('is tried only as long as the phase has time', async () => {
    const { go, counts } = stepOn(['w1'], {
      step: { deadlineMs: 2_000 },
      preflight: failing(
        9,
        () => refusal('api-refused'),
        () => Promise.resolve([]),
      ),
    });
    expect(await go()).toMatchObject({ value: 'halted' });
    expect(counts.preflight).toBe(2);
  });

  it('after a lost line is looked at first: what has happened is not done again', async () => {
    const { go, counts, notes } = stepOn(['w1'], {
      apply: failing(
        9,
        () => refusal('ssh-lost', false),
        () => Promise.resolve(),
      ),
      inspect: () => Promise.resolve('present'),
      verify: () => Promise.resolve([]),
    });
    expect(await go()).toMatchObject({ value: 'succeeded' });
    expect(counts).toMatchObject({ apply: 1, inspect: 1 });
    expect(notes()).toEqual(['apply is tried again in 1 s: ssh-lost: refused']);
  });

  it('after a lost line is done again where it has not happened', async () => {
    let calls = 0;
    const { go, counts } = stepOn(['w1'], {
      apply: () => (++calls === 1 ? Promise.reject(refusal('ssh-lost')) : Promise.resolve()),
      inspect: () => Promise.resolve('partial'),
      verify: () => Promise.resolve([]),
    });
    expect(await go()).toMatchObject({ value: 'succeeded' });
    expect(counts).toMatchObject({ apply: 2, inspect: 1 });
  });
});

describe('a deadline', () => {
  const untilAborted = (site: Site) => site.wait(10 ** 9).then(() => undefined as never);

  it.each(['preflight', 'apply', 'verify'] as const)('ends %s, and the failure says which', async (method) => {
    const { go, failures, clock } = stepOn(['w1'], { step: { deadlineMs: 5_000 }, [method]: untilAborted });
    expect(await go()).toMatchObject({ value: 'halted' });
    expect(failures()).toMatchObject([{ code: 'deadline-exceeded', target: 'w1', summary: `${method} of "a" took longer than 5 s`, cause: 'its deadline has passed' }]);
    expect(clock.now()).toBe(5_000);
  });

  it('waits for what does not listen, to a limit, and then does nothing else there until it has ended', async () => {
    let end: () => void = () => undefined;
    let calls = 0;
    const { go, run, failures, counts, clock } = stepOn(['w1', 'w2'], {
      step: { deadlineMs: 5_000 },
      apply: (site: Site) =>
        ++calls > 1
          ? Promise.resolve()
          : new Promise<void>((resolve) => {
              expect(site.target).toBe('w1');
              end = resolve;
            }),
      inspect: () => Promise.resolve('absent'),
      verify: () => Promise.resolve([]),
    });
    expect(await go()).toMatchObject({ value: 'halted', progress: { marks: { a: { w1: { mark: 'applying' }, w2: { mark: 'applied' } } } } });
    expect(clock.now()).toBe(35_000);
    run.decide({ type: 'run.resumed', by });
    expect(await run.until('waiting')).toMatchObject({ value: 'halted' });
    expect(counts.inspect).toBeUndefined();
    expect(failures().map((f) => [f.code, f.cause])).toEqual([
      ['deadline-exceeded', 'it did not end when it was told to, and may still be going on'],
      ['deadline-exceeded', 'something that was begun there before has not ended yet'],
    ]);
    end();
    await Promise.resolve();
    run.decide({ type: 'run.resumed', by });
    expect(await run.until('waiting')).toMatchObject({ value: 'succeeded' });
    expect(counts.apply).toBe(3);
  });

  it('is told to the site', async () => {
    const seen: number[] = [];
    const { go } = stepOn(['w1'], {
      step: { deadlineMs: 7_000 },
      preflight(site: Site) {
        seen.push(site.deadlineAtMs - site.now());
        return Promise.resolve([]);
      },
    });
    await go();
    expect(seen).toEqual([7_000]);
  });
});

describe('the targets of a step', () => {
  it('go at once, and one that fails does not stop the others', async () => {
    const targets = Array.from({ length: 20 }, (_, n) => `w${n}`);
    let [now, most] = [0, 0];
    const { go, run } = stepOn(targets, {
      async apply(site: Site) {
        most = Math.max(most, ++now);
        await site.wait(100);
        now--;
        if (site.target === 'w3') throw refusal('command-failed', false);
      },
    });
    expect(await go()).toMatchObject({ value: 'halted' });
    expect(most).toBe(16);
    const marks = Object.values(run.state().progress.marks.a!).map((state) => state.mark);
    expect(marks.filter((mark) => mark === 'applied')).toHaveLength(19);
  });

  it('in waves are each proved before the next is touched, by what is true then', async () => {
    const asked: string[][] = [];
    const { go, facts } = stepOn(['cp1', 'cp2', 'cp3'], {
      waves(targets: readonly string[]) {
        asked.push([...targets]);
        return Promise.resolve([targets.slice(-1), targets.slice(0, -1)]);
      },
    });
    expect(await go()).toMatchObject({ value: 'succeeded' });
    expect(asked).toEqual([
      ['cp1', 'cp2', 'cp3'],
      ['cp1', 'cp2'],
    ]);
    const order = facts().flatMap((fact) => (fact.type === 'step.marked' && (fact.mark === 'applying' || fact.mark === 'verified') ? [`${fact.target} ${fact.mark}`] : []));
    expect(order).toEqual(['cp3 applying', 'cp3 verified', 'cp2 applying', 'cp2 verified', 'cp1 applying', 'cp1 verified']);
  });

  it.each([[[['cp1']]], [[[]]], [[['cp1', 'cp2', 'cp9']]]])('in waves that are not the targets (%j) break the run', async (waves) => {
    const { go } = stepOn(['cp1', 'cp2'], { waves: () => Promise.resolve(waves) });
    expect(await go()).toMatchObject({ value: 'broken' });
  });

  it('fail together where the waves cannot be asked for', async () => {
    const { go, failures } = stepOn(['cp1', 'cp2'], { waves: () => Promise.reject(refusal('api-unreachable', false)) });
    expect(await go()).toMatchObject({ value: 'halted' });
    expect(failures()).toMatchObject([{ code: 'api-unreachable' }]);
  });
});

describe('the journal', () => {
  const reopened = (plan: Plan, journal: Journal) =>
    openRun({ run: 'r', tool: 't', plan, journal, kinds: kindsOf(createWorld()), checkpoints: createMemoryCheckpoints(), siteOf: bareSiteOf, clock: createFakeClock() });

  it('has the intent before the act and the outcome after it', async () => {
    const seen: unknown[] = [];
    const { go, facts } = stepOn(['w1'], {
      apply: () => {
        seen.push(facts().at(-1));
        return Promise.resolve();
      },
      verify: () => Promise.resolve([]),
    });
    await go();
    expect(seen).toEqual([{ type: 'step.marked', step: 'a', target: 'w1', mark: 'applying', attempt: 1 }]);
    expect(facts().flatMap((fact) => (fact.type === 'phase.ended' ? [fact.phase] : []))).toEqual(['preflight', 'checkpoint', 'apply', 'verify']);
  });

  it('has what was told once, without secrets, and failures without them', async () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----';
    const { go, notes, failures } = stepOn(['w1'], {
      preflight(site: Site) {
        site.tell('waits for kubelet');
        site.tell('waits for kubelet');
        site.tell(`found ${key}`);
        return Promise.reject(refusal('pem-invalid', false, key));
      },
    });
    await go();
    expect(notes()).toEqual(['waits for kubelet', 'found [secret: PEM private key]']);
    expect(failures()).toMatchObject([{ cause: '[secret: PEM private key]' }]);
  });

  it('that says "applied" without a checkpoint breaks the way back instead of skipping it', async () => {
    const { run, go, facts } = stepOn(['w1', 'w2'], { apply: () => Promise.reject(refusal('command-failed', false)) });
    await go();
    expect(facts().length).toBeGreaterThan(0);
    const journal = createMemoryJournal();
    const plan = run.state().plan;
    journal.append({ type: 'run.opened', run: 'r', planDigest: plan.digest, tool: 't', cluster: 'u' });
    journal.append({ type: 'run.submitted', by });
    journal.append({ type: 'step.marked', step: 'a', target: 'w1', mark: 'applied', attempt: 1 });
    journal.append({ type: 'run.rollbackAsked', by });
    const other = reopened(plan, journal);
    other.start();
    expect(await other.until('ended')).toMatchObject({ value: 'broken' });
  });

  it('that names a checkpoint which cannot be loaded halts the way back before anything is touched', async () => {
    const journal = createMemoryJournal();
    const { run } = stepOn(['w1']);
    const plan = run.state().plan;
    journal.append({ type: 'run.opened', run: 'r', planDigest: plan.digest, tool: 't', cluster: 'u' });
    journal.append({ type: 'run.submitted', by });
    journal.append({ type: 'step.marked', step: 'a', target: 'w1', mark: 'checkpointed', attempt: 1, checkpoint: { ref: 'lost', sha256: '0' } });
    journal.append({ type: 'step.marked', step: 'a', target: 'w1', mark: 'applied', attempt: 1 });
    journal.append({ type: 'run.rollbackAsked', by });
    const other = reopened(plan, journal);
    other.start();
    expect(await other.until('waiting')).toMatchObject({
      value: 'rollingBack.halted',
      progress: { marks: { a: { w1: { mark: 'applied' } } }, failure: { failures: [{ code: 'checkpoint-damaged' }] } },
    });
  });
});
