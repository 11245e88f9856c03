/** Watches, by hash, the files that a run has written: whatever puts one back in the middle of the run is seen. */

import { failure } from '../domain/errors.js';
import type { Plan } from '../domain/plan/plan.js';
import type { Fact } from '../domain/run/facts.js';
import { fanOut } from '../engine/fan-out.js';
import type { Run } from '../engine/open-run.js';
import type { StepKinds } from '../ports/step-kind.js';
import type { Shells } from '../ports/node-shell.js';

export interface FileWatch {
  /** Told every fact: what is being worked on is not looked at. */
  tell(fact: Fact): void;
  stop(): Promise<void>;
}

export interface FileWatchOptions {
  readonly run: Run;
  readonly kinds: StepKinds;
  readonly shells: Shells;
  /** Of each node; with many nodes more, so that there are no more than four looks a second in all. Default 20,000. */
  readonly everyMs?: number;
}

const restBetweenLooksMs = 250;

/** Each look is a script on a node: on a cluster of hundreds they do not all begin at the same moment. */
const looksAtOnce = 8;

/**
 * After a step is proved on a node, the files that its kind leaves there are hashed; every `everyMs` they are hashed again.
 * A difference while nobody of us works on the node holds the run (guard.tripped, reverting-agent).
 */
export function watchFiles({ run, kinds, shells, everyMs = 20_000 }: FileWatchOptions): FileWatch {
  const busy = new Set<string>();
  const expected = new Map<string, Map<string, string>>();
  const looking = new Set<Promise<void>>();
  let isHeld = false;
  let round: Promise<unknown> | undefined;

  async function hashes(node: string, paths: readonly string[]): Promise<Map<string, string>> {
    const out = await shells.to(node).must(`sha256sum ${paths.map((p) => `'${p}'`).join(' ')} 2>/dev/null; true`, { deadlineMs: 15_000 });
    const found = new Map<string, string>();
    for (const line of out.split('\n')) if (line.length > 66) found.set(line.slice(66), line.slice(0, 64));
    return found;
  }

  async function look(node: string): Promise<void> {
    const before = expected.get(node);
    if (before === undefined || busy.has(node) || isHeld) return;
    const now = await hashes(node, [...before.keys()]).catch(() => undefined);
    // It may have been taken up again while we asked.
    if (now === undefined || busy.has(node) || expected.get(node) !== before || isHeld) return;
    const changed = [...before].filter(([path, sha256]) => now.get(path) !== sha256).map(([path]) => path);
    if (changed.length === 0) return;
    isHeld = true;
    const fact: Fact = {
      type: 'guard.tripped',
      failure: failure('reverting-agent', {
        target: node,
        summary: `${changed.join(', ')} was changed by something else in the middle of the run`,
        cause: 'its hash is not that of what was written and proved',
        nextAction: `Find out what writes it and stop it; then run "rotate-ca verify ${run.state().progress.run}", and "rotate-ca rollback" or "rotate-ca resume".`,
      }),
    };
    if (run.state().can(fact)) run.decide(fact);
  }

  async function expect(node: string): Promise<void> {
    const paths = watched(run.state(), kinds, node);
    if (paths.length === 0) expected.delete(node);
    else expected.set(node, await hashes(node, paths).catch(() => new Map<string, string>()));
  }

  function keep(work: Promise<void>): void {
    looking.add(work);
    void work.finally(() => looking.delete(work));
  }

  let rest = 0;
  const timer = setInterval(() => {
    if (round !== undefined || rest-- > 0) return;
    rest = Math.ceil((expected.size * restBetweenLooksMs) / everyMs) - 1;
    round = fanOut([...expected.keys()], looksAtOnce, look).finally(() => {
      round = undefined;
    });
  }, everyMs);

  return {
    tell(fact) {
      if (fact.type !== 'step.marked') return;
      const { target, mark } = fact;
      if (mark === 'applying' || mark === 'undoing') {
        busy.add(target);
        expected.delete(target);
      } else if (mark === 'verified' || mark === 'undone') {
        busy.delete(target);
        keep(expect(target));
      }
    },
    async stop() {
      clearInterval(timer);
      isHeld = true;
      await Promise.all([round, ...looking]);
    },
  };
}

/** Files that the proved steps have left on a node. */
function watched(view: { plan: Plan; progress: { marks: Readonly<Record<string, Readonly<Record<string, { mark: string }>>>> } }, kinds: StepKinds, node: string): string[] {
  const paths = view.plan.steps
    .filter((step) => view.progress.marks[step.id]?.[node]?.mark === 'verified')
    .flatMap((step) => {
      const kind = kinds.get(step.kind);
      return kind?.leaves === undefined ? [] : kind.leaves(kind.params.parse(step.params));
    });
  return [...new Set(paths)];
}
