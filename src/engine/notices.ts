/** Journal lines as progress notices: plain data for those who watch. The journal itself never depends on them. */

import { describeFailure, type Failure } from '../domain/errors.js';
import { type Plan, stepOf } from '../domain/plan/plan.js';
import type { Fact, Mark, Phase } from '../domain/run/facts.js';
import type { JournalLine } from '../ports/journal.js';

/** `decision`: by a human. `work`: a target has come further. `detail`: waits and proofs. `problem`: something failed. `end`: the run has ended. */
export type NoticeLevel = 'decision' | 'work' | 'detail' | 'problem' | 'end';

export interface Notice {
  readonly seq: number;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly level: NoticeLevel;
  /** One line, or one for each failure. */
  readonly text: string;
  readonly step?: string;
  readonly title?: string;
  readonly target?: string;
  readonly mark?: Mark;
  readonly phase?: Phase;
  /** How long a phase took. */
  readonly ms?: number;
  readonly failures?: readonly Failure[];
}

type Said = Omit<Notice, 'seq' | 'at' | 'title'>;

/** What a journal line tells the operator. */
export function noticeOf(line: JournalLine, plan: Pick<Plan, 'steps'>): Notice {
  const said = say(line.fact);
  const title = said.step === undefined ? undefined : stepOf(plan, said.step)?.title;
  return { seq: line.seq, at: line.at, ...said, ...(title === undefined ? {} : { title }) };
}

function say(fact: Fact): Said {
  switch (fact.type) {
    case 'run.opened':
      return { level: 'decision', text: `run ${fact.run} opened by ${fact.tool} on plan ${fact.planDigest.slice(0, 12)}` };
    case 'run.submitted':
      return { level: 'decision', text: `begun by ${fact.by}` };
    case 'run.approved':
      return { level: 'decision', text: `gate "${fact.gate}" approved by ${fact.by}` };
    case 'run.pauseAsked':
      return { level: 'decision', text: `${fact.by} asks for a pause: stops before the next target` };
    case 'run.resumed':
      return { level: 'decision', text: `resumed by ${fact.by}` };
    case 'run.rollbackAsked':
      return { level: 'decision', text: `${fact.by} asks for the way back` };
    case 'run.forwardAsked':
      return { level: 'decision', text: `${fact.by} asks to go forward again` };
    case 'holder.acknowledged':
      return { level: 'decision', text: `${fact.by} says that ${fact.holder} has what it needs` };
    case 'plan.amended':
      return { level: 'decision', text: `plan made anew (${fact.digest.slice(0, 12)}) by ${fact.by}: ${fact.reason}` };
    case 'step.marked':
      return { level: 'work', text: fact.mark, step: fact.step, target: fact.target, mark: fact.mark };
    case 'step.failed':
      return { level: 'problem', text: fact.failures.map(describeFailure).join('\n'), step: fact.step, phase: fact.phase, failures: fact.failures };
    case 'guard.tripped':
      return { level: 'problem', text: describeFailure(fact.failure), failures: [fact.failure] };
    case 'guard.cleared':
      return { level: 'problem', text: 'the API answers again' };
    case 'artefact.recorded':
      return { level: 'detail', text: `${fact.name} (sha256 ${fact.sha256.slice(0, 12)})` };
    case 'note':
      return { level: 'detail', text: fact.message, step: fact.step, target: fact.target };
    case 'phase.ended':
      return { level: 'detail', text: `${fact.phase} took ${(fact.ms / 1000).toFixed(1)} s`, step: fact.step, phase: fact.phase, ms: fact.ms };
    case 'run.ended':
      return { level: 'end', text: endings[fact.outcome] };
    case 'outgoing.destroyed':
      return { level: 'end', text: `copies of the outgoing key destroyed by ${fact.by}: ${fact.copies.join(', ')}` };
  }
}

const endings = {
  succeeded: 'succeeded',
  rolledBack: 'rolled back: everything is as it was before the run',
  failed: 'a step could not be taken back; a human must look',
} as const;
