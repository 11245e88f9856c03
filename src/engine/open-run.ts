/** Opens a run: replays its journal, starts the chart, takes decisions. The facade that the use cases work with. */

import { createActor, fromPromise } from 'xstate';
import { failure, fail, RotationError } from '../domain/errors.js';
import type { Gate, Plan } from '../domain/plan/plan.js';
import { type Course, courseOf } from '../domain/run/course.js';
import type { Fact } from '../domain/run/facts.js';
import { advance, gateAsked, isApiThere, isWithoutApi, passedPointOfNoReturn, type Progress, stepLostBy, untouched } from '../domain/run/progress.js';
import type { Checkpoints } from '../ports/checkpoints.js';
import type { Clock } from '../ports/clock.js';
import type { Journal } from '../ports/journal.js';
import type { StepKinds } from '../ports/step-kind.js';
import { createPerformer, defaultLimits, type Limits, type SiteOf } from './perform.js';
import { type Outcome, runMachine, type Work } from './run-machine.js';

export interface OpenRunOptions {
  /** Name of the run, for people and for the names of what it makes. */
  readonly run: string;
  /** Name and version of the tool, for the first line of the journal. */
  readonly tool: string;
  /** The plan, or the newest of its amendments. */
  readonly plan: Plan;
  readonly journal: Journal;
  readonly kinds: StepKinds;
  readonly checkpoints: Pick<Checkpoints, 'save' | 'load'>;
  readonly siteOf: SiteOf;
  readonly clock: Clock;
  readonly limits?: Partial<Limits>;
}

/** A run at one moment. Ask the three booleans; `value` is for display. */
export interface RunView {
  /** Name of the state: `running.apply`, `awaitingApproval`. */
  readonly value: string;
  /** A human must decide. */
  readonly isWaiting: boolean;
  readonly isBusy: boolean;
  readonly isEnded: boolean;
  readonly progress: Progress;
  readonly plan: Plan;
  /** What is under way takes the API away on purpose. */
  readonly isWithoutApi: boolean;
  /** The gate that is asked for, if the run waits at one. */
  readonly gate: Gate | undefined;
  /** What broke the run: a defect, or (its `cause` then says so) a journal that cannot be written. */
  readonly defect: unknown;
  /** Whether a decision would be taken now. */
  can(fact: Fact): boolean;
}

export interface Run {
  state(): RunView;
  /** Goes on from what the journal says. A run in the middle of a step begins to work at once. */
  start(): void;
  /** Writes a decision down and acts on it, in one tick. Throws RotationError decision-refused, journal-unwritable. */
  decide(fact: Fact): void;
  /** Puts another plan in the place of the present one, in a waiting state. Throws RotationError decision-refused. */
  amend(plan: Plan, decision: { readonly reason: string; readonly by: string }): void;
  /** Resolves with the first state for which this holds; 'waiting': a human must decide, or it has ended. Throws RotationError interrupted when the run is stopped. */
  until(what: 'waiting' | 'ended' | ((view: RunView) => boolean)): Promise<RunView>;
  /** Leaves at once: raises the signal and waits until what is going on has settled. What is then in doubt is inspected at the next start. */
  stop(): Promise<void>;
}

/**
 * Opens the run of a journal, or begins one: then `run.opened` is written.
 * Throws RotationError plan-invalid (a kind that is not known), plan-stale (the journal follows another plan), journal-unwritable.
 */
export function openRun(options: OpenRunOptions): Run {
  const { journal, kinds } = options;
  const plans = new Map<string, { readonly plan: Plan; readonly course: Course }>();
  learn(options.plan);
  if (journal.lines().length === 0) {
    journal.append({ type: 'run.opened', run: options.run, planDigest: options.plan.digest, tool: options.tool, cluster: options.plan.inventory.cluster.uid });
  }
  const progress = journal.lines().reduce((p, line) => advance(p, line.fact), untouched);
  if (progress.planDigest !== options.plan.digest) refusePlan(progress, options.plan);

  const performer = createPerformer({
    append: (fact) => journal.append(fact),
    progress: () => actor.getSnapshot().context.progress,
    plan: () => state().plan,
    kinds,
    checkpoints: options.checkpoints,
    siteOf: options.siteOf,
    clock: options.clock,
    limits: { ...defaultLimits, ...options.limits },
  });
  let defect: unknown;
  const perform = fromPromise<Outcome, Work>(async ({ input, signal }) => {
    try {
      return await performer.perform(input, signal);
    } catch (error) {
      defect = error;
      throw error;
    }
  });
  const actor = createActor(runMachine.provide({ actors: { perform } }), { input: { courseOf: (digest) => plans.get(digest)?.course, progress } });
  const watchers = new Set<() => void>();
  let isStopped = false;

  actor.subscribe({ next: writeEnd, error: () => undefined });
  actor.subscribe({ next: tellWatchers, error: tellWatchers });
  journal.onAppend(({ fact }) => {
    if (isStopped) return;
    actor.send(fact);
    if (fact.type === 'run.rollbackAsked' || fact.type === 'guard.tripped') performer.endReading();
  });

  function learn(plan: Plan): void {
    const unknown = plan.steps.find((step) => !kinds.has(step.kind));
    if (unknown !== undefined)
      fail('plan-invalid', {
        target: unknown.id,
        summary: `The plan has a step of the kind "${unknown.kind}"`,
        cause: 'this version of rotate-ca does not know it',
        nextAction: `Use the version that made the plan: ${plan.tool}`,
      });
    plans.set(plan.digest, { plan, course: courseFor(plan, kinds) });
  }

  function state(): RunView {
    const snapshot = actor.getSnapshot();
    const now = snapshot.context.progress;
    const followed = plans.get(now.planDigest) ?? { plan: options.plan, course: courseFor(options.plan, kinds) };
    return {
      value: nameOf(snapshot.value),
      isWaiting: snapshot.hasTag('waiting'),
      isBusy: snapshot.hasTag('busy'),
      isEnded: snapshot.hasTag('ended'),
      progress: now,
      plan: followed.plan,
      isWithoutApi: isWithoutApi(followed.course, now),
      gate: snapshot.matches('awaitingApproval') ? gateAsked(followed.course, now) : undefined,
      defect,
      can: (fact) => snapshot.can(fact),
    };
  }

  // The end is written once; an end that was reached and not written (killed in between) is written at the next start.
  function unwrittenEnd(): Progress['outcome'] {
    const { value, progress: now } = state();
    const isEnd = value === 'succeeded' || value === 'rolledBack' || value === 'failed';
    return isEnd && now.outcome !== value ? value : null;
  }

  function writeEnd(): void {
    const outcome = unwrittenEnd();
    if (outcome === null || defect !== undefined) return;
    try {
      journal.append({ type: 'run.ended', outcome });
    } catch (error) {
      defect = error;
    }
  }

  function tellWatchers(): void {
    for (const watcher of [...watchers]) watcher();
  }

  function decide(fact: Fact): void {
    const view = state();
    if (isStopped || !view.can(fact)) throw new RotationError(refusal(fact, view));
    journal.append(fact);
  }

  function refusal(fact: Fact, view: RunView) {
    const course = plans.get(view.progress.planDigest)?.course;
    return failure('decision-refused', {
      target: view.progress.run,
      summary: `"${fact.type}" cannot be asked of a run that is ${view.value}`,
      cause: isStopped ? 'it is not open any more' : whyNot(fact, view, course, plans.get(fact.type === 'plan.amended' ? fact.digest : '')?.course),
      nextAction: whatCanBeAsked(view),
    });
  }

  return {
    state,
    decide,
    start: () => {
      actor.start();
    },
    amend(plan, decision) {
      const isNew = !plans.has(plan.digest);
      learn(plan);
      try {
        decide({ type: 'plan.amended', digest: plan.digest, ...decision });
      } catch (error) {
        if (isNew) plans.delete(plan.digest);
        throw error;
      }
    },
    until(what) {
      const holds = what === 'waiting' ? (view: RunView) => !view.isBusy : what === 'ended' ? (view: RunView) => view.isEnded : what;
      return new Promise((resolve, reject) => {
        function look(): void {
          const view = state();
          const isThere = holds(view) && (unwrittenEnd() === null || defect !== undefined);
          if (!isStopped && !isThere) return;
          watchers.delete(look);
          if (isThere) resolve(view);
          else
            reject(
              new RotationError(
                failure('interrupted', {
                  target: view.progress.run,
                  summary: 'The run was left while it was going on',
                  cause: 'it was asked to stop',
                  nextAction: `Run "rotate-ca resume ${view.progress.run}"`,
                }),
              ),
            );
        }
        watchers.add(look);
        look();
      });
    },
    async stop() {
      isStopped = true;
      actor.stop();
      await performer.settled();
      tellWatchers();
    },
  };
}

/** The course of a plan whose steps are of these kinds. */
export function courseFor(plan: Pick<Plan, 'digest' | 'steps'>, kinds: StepKinds): Course {
  return courseOf(plan, ({ kind: name, params }) => {
    const kind = kinds.get(name);
    const read = kind?.takesApiAway === undefined ? undefined : kind.params.safeParse(params);
    const withoutApi = read?.success === true ? kind?.takesApiAway?.(read.data) : undefined;
    return { pointOfNoReturn: kind?.pointOfNoReturn === true, ...(withoutApi === undefined ? {} : { withoutApi }) };
  });
}

function refusePlan(progress: Progress, plan: Plan): never {
  return fail('plan-stale', {
    target: progress.run,
    summary: 'The journal of this run follows another plan',
    cause: `the plan given has the digest ${plan.digest}, the journal ${progress.planDigest}`,
    nextAction: `Give the plan of digest ${progress.planDigest}, or begin a new run with the plan given`,
  });
}

function nameOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return Object.entries(value as Record<string, unknown>)
    .map(([parent, child]) => `${parent}.${nameOf(child)}`)
    .join();
}

function whyNot(fact: Fact, view: RunView, course: Course | undefined, amended: Course | undefined): string {
  const { progress } = view;
  if (course !== undefined && fact.type === 'run.rollbackAsked') {
    const passed = passedPointOfNoReturn(course, progress);
    if (passed !== undefined) return `there is no way back since "${passed.id}" was begun`;
    if (progress.direction === 'back') return 'it is on its way back already';
  }
  if ((fact.type === 'run.resumed' || fact.type === 'run.forwardAsked') && !isApiThere(progress)) return 'the API of the cluster has not come back';
  if (fact.type === 'run.approved' && view.gate !== undefined) {
    if (fact.gate !== view.gate.name) return `the gate that is asked for is "${view.gate.name}"`;
    if (fact.digest !== progress.planDigest) return `the plan that is asked for has the digest ${progress.planDigest}`;
  }
  const lost = amended === undefined ? undefined : stepLostBy(amended, progress);
  if (lost !== undefined) return `the amended plan leaves out "${lost}", which has been begun`;
  return 'nothing in that state waits for it';
}

function whatCanBeAsked(view: RunView): string {
  const { run, planDigest } = view.progress;
  const by = '';
  const commands: readonly (readonly [string, Fact])[] = [
    [`"rotate-ca run"`, { type: 'run.submitted', by }],
    [`"rotate-ca approve ${run}" (gate "${view.gate?.name}")`, { type: 'run.approved', gate: view.gate?.name ?? '', by, digest: planDigest }],
    [`"rotate-ca resume ${run}"`, { type: 'run.resumed', by }],
    [`"rotate-ca resume --forward ${run}"`, { type: 'run.forwardAsked', by }],
    [`"rotate-ca pause ${run}"`, { type: 'run.pauseAsked', by }],
    [`"rotate-ca rollback ${run}"`, { type: 'run.rollbackAsked', by }],
  ];
  const open = commands.filter(([, fact]) => view.can(fact)).map(([command]) => command);
  return open.length === 0 ? `Run "rotate-ca status ${run}"` : `What can be asked now: ${open.join(', ')}`;
}
