/** The facts of a run: records of the journal and events of the machine are one and the same. */

import type { Failure } from '../errors.js';

export type Phase = 'preflight' | 'checkpoint' | 'apply' | 'inspect' | 'verify' | 'undo';

export type Direction = 'forward' | 'back';

/**
 * State of one (step, target). In order, forward: pending, checkpointed, applying, applied, verified.
 * Back: undoing, undone; `undone` of attempt n is `pending` of attempt n+1.
 */
export type Mark = 'pending' | 'checkpointed' | 'applying' | 'applied' | 'verified' | 'undoing' | 'undone';

export type Fact =
  /** First line: what is run, by which tool. */
  | { readonly type: 'run.opened'; readonly run: string; readonly planDigest: string; readonly tool: string; readonly cluster: string }
  | { readonly type: 'run.submitted'; readonly by: string }
  | { readonly type: 'run.approved'; readonly gate: string; readonly by: string; readonly digest: string }
  | { readonly type: 'run.pauseAsked'; readonly by: string }
  | { readonly type: 'run.resumed'; readonly by: string }
  | { readonly type: 'run.rollbackAsked'; readonly by: string }
  /** Forward again after a finished or halted way back: attempt n+1. */
  | { readonly type: 'run.forwardAsked'; readonly by: string }
  | {
      readonly type: 'step.marked';
      readonly step: string;
      readonly target: string;
      readonly mark: Mark;
      readonly attempt: number;
      readonly checkpoint?: { readonly ref: string; readonly sha256: string };
    }
  | { readonly type: 'step.failed'; readonly step: string; readonly phase: Phase; readonly direction: Direction; readonly failures: readonly Failure[] }
  /** The API went away, or came back, while the run was going on. */
  | { readonly type: 'guard.tripped'; readonly failure: Failure }
  | { readonly type: 'guard.cleared' }
  /** The plan was made anew at a gate (a node joined, an object changed). The amended plan is the artefact `plan-<digest>.json`. */
  | { readonly type: 'plan.amended'; readonly digest: string; readonly reason: string; readonly by: string }
  /** A public artefact of the run was made. */
  | { readonly type: 'artefact.recorded'; readonly name: string; readonly sha256: string }
  /** What a human was told: waits with their reload rule, and what ended them. */
  | { readonly type: 'note'; readonly step: string; readonly target: string; readonly message: string }
  | { readonly type: 'phase.ended'; readonly step: string; readonly phase: Phase; readonly ms: number }
  /** Somebody outside of the reach of rotate-ca has what it needs: a holder of the shadow by its id, or a user name for all of a user's. */
  | { readonly type: 'holder.acknowledged'; readonly holder: string; readonly by: string }
  | { readonly type: 'run.ended'; readonly outcome: 'succeeded' | 'rolledBack' | 'failed' }
  | { readonly type: 'outgoing.destroyed'; readonly copies: readonly string[]; readonly by: string };
