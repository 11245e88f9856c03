/** A run over the small world that can die at any moment and be opened again on what was durable. */

import type { Plan } from '../../src/domain/plan/plan.js';
import type { Fact } from '../../src/domain/run/facts.js';
import { openRun, type Run, type RunView } from '../../src/engine/open-run.js';
import type { Limits } from '../../src/engine/perform.js';
import type { Journal, JournalLine } from '../../src/ports/journal.js';
import { createFakeClock } from './fake-clock.js';
import { createMemoryJournal } from './memory-journal.js';
import { bareSiteOf, planOf, stepWith } from './plans.js';
import { createMemoryCheckpoints, createWorld, kindsOf, type World } from './world.js';

const set = (key: string) => ({ key, value: `${key}-incoming` });
const gate = (name: string) => ({ name, question: `${name}?` });

/** Two gates, a step that goes in turn, two batches, a step on the cluster: ten (step, target) pairs. */
export const straightPlan = planOf([
  stepWith({ id: 'back-up', kind: 'set', targets: ['cluster'], params: set('backup'), gate: gate('begin') }),
  stepWith({ id: 'trust', kind: 'set-in-turn', targets: ['cp1', 'cp2', 'cp3'], params: set('trust') }),
  stepWith({ id: 'renew/1', kind: 'set', targets: ['w1', 'w2'], params: set('leaf') }),
  stepWith({ id: 'renew/2', kind: 'set', targets: ['w3'], params: set('leaf') }),
  stepWith({ id: 'sign', kind: 'set-in-turn', targets: ['cp1', 'cp2'], params: set('signer'), gate: gate('switch') }),
  stepWith({ id: 'tell', kind: 'set', targets: ['cluster'], params: set('told') }),
]);

export const initialValues: Record<string, string> = { 'trust@cp1': 'outgoing', 'trust@cp2': 'outgoing', 'trust@cp3': 'outgoing', 'leaf@w1': 'outgoing', 'leaf@w2': 'outgoing' };

/** Where the process dies: before the n-th line of the journal is written, or at the n-th moment of the world. */
export interface Death {
  readonly atLine?: number;
  readonly atMoment?: number;
}

export interface Rig {
  readonly world: World;
  readonly checkpoints: ReturnType<typeof createMemoryCheckpoints>;
  lines(): readonly JournalLine[];
  facts(): Fact[];
  /** Number of moments that the world has seen. */
  moments(): number;
  /** Opens the run on what is durable; the old one is as dead as its process. */
  open(options?: { readonly death?: Death; readonly plan?: Plan; readonly limits?: Partial<Limits> }): Life;
  /** The state that a fresh start would find, without going on. */
  replayed(plan?: Plan): RunView;
}

export interface Life {
  readonly run: Run;
  readonly journal: Journal;
  readonly died: Promise<'died'>;
}

export function createRig(options: { readonly plan?: Plan; readonly initial?: Record<string, string> } = {}): Rig {
  const plan = options.plan ?? straightPlan;
  const world = createWorld(options.initial ?? initialValues);
  const checkpoints = createMemoryCheckpoints();
  const clock = createFakeClock();
  let durable: readonly JournalLine[] = [];
  let moments = 0;

  function parts(journal: Journal, of: World, limits: Partial<Limits> = {}) {
    return { run: 'r1', tool: 'rotate-ca test', journal, kinds: kindsOf(of), checkpoints, siteOf: bareSiteOf, clock, limits };
  }

  function open({ death = {}, plan: other, limits }: { death?: Death; plan?: Plan; limits?: Partial<Limits> } = {}): Life {
    let isDead = false;
    let tellDeath: (how: 'died') => void = () => undefined;
    const died = new Promise<'died'>((resolve) => {
      tellDeath = resolve;
    });
    function die(): void {
      isDead = true;
      tellDeath('died');
    }
    const journal = createMemoryJournal({
      lines: durable,
      now: clock.now,
      beforeAppend: (_, seq) => {
        if (seq === death.atLine) die();
        if (isDead) throw new Error('the process is dead');
      },
    });
    journal.onAppend(() => {
      durable = [...journal.lines()];
    });
    // Each life has its own hands on the one world: those of a dead process do nothing any more.
    const hands: World = {
      values: world.values,
      log: world.log,
      snapshot: world.snapshot,
      async on(moment) {
        if (!isDead && ++moments === death.atMoment) die();
        if (isDead) await new Promise(() => undefined);
        await world.on(moment);
        if (isDead) await new Promise(() => undefined);
      },
    };
    const run = openRun({ ...parts(journal, hands, limits), plan: other ?? plan });
    durable = [...journal.lines()];
    return { run, journal, died };
  }

  return {
    world,
    checkpoints,
    open,
    lines: () => durable,
    facts: () => durable.map((line) => line.fact),
    moments: () => moments,
    replayed: (other) => openRun({ ...parts(createMemoryJournal({ lines: durable }), createWorld()), plan: other ?? plan }).state(),
  };
}

/** The usual answer of an operator to each waiting state: go on. */
export function goOn(view: RunView): Fact {
  const by = 'sre';
  if (view.value === 'planned') return { type: 'run.submitted', by };
  if (view.gate !== undefined) return { type: 'run.approved', gate: view.gate.name, by, digest: view.progress.planDigest };
  return { type: 'run.resumed', by };
}

/** Answers every wait until the run has ended or the process has died. */
export async function drive(rig: Rig, life: Life, answer: (view: RunView) => Fact = goOn, onWait: (view: RunView) => void = () => undefined): Promise<RunView | 'died'> {
  life.run.start();
  for (let decisions = 0; decisions < 200; decisions++) {
    const view = await Promise.race([life.run.until('waiting'), life.died]);
    if (view === 'died') return 'died';
    onWait(view);
    if (view.isEnded) return view;
    try {
      life.run.decide(answer(view));
    } catch (error) {
      if ((await Promise.race([life.died, Promise.resolve('alive')])) === 'died') return 'died';
      throw error;
    }
  }
  throw new Error(`the run does not end: ${JSON.stringify(rig.facts().slice(-5))}`);
}
