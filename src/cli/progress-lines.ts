/** Facts of the journal as lines for people: one for each step and wait, with what proved it and how long it took. */

import type { Fact } from '../domain/run/facts.js';
import type { Output } from './output.js';

export interface ProgressLines {
  show(line: { readonly at: string; readonly fact: Fact }): void;
  /** Ends the line that is redrawn, before anything else is printed. */
  end(): void;
}

const marks: Partial<Record<Extract<Fact, { type: 'step.marked' }>['mark'], string>> = {
  applying: 'applying',
  applied: 'applied, proving',
  verified: 'proved',
  undoing: 'taking back',
  undone: 'taken back',
};

/** `total`: steps in the plan, for "7/28". */
export function openProgressLines(out: Output, total: () => readonly string[]): ProgressLines {
  const c = out.colours;
  let redrawn = false;
  let current = '';
  const startedAt = Date.now();

  function end(): void {
    if (redrawn) process.stderr.write('\r\u001b[K');
    redrawn = false;
  }

  function footer(): void {
    if (!out.isTerminal) return;
    const steps = total();
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    const position = steps.indexOf(current) + 1;
    const text = `${position}/${steps.length} ${current}  ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}  Ctrl-C stops at the next safe point`;
    process.stderr.write(`\r\u001b[K${c.dim(text.slice(0, Math.max(20, (process.stderr.columns ?? 80) - 1)))}`);
    redrawn = true;
  }

  function print(at: string, step: string, target: string, text: string): void {
    end();
    out.say(`${c.dim(at.slice(11, 19))} ${step.padEnd(30)} ${target.padEnd(10)} ${text}`);
  }

  return {
    end,
    show({ at, fact }) {
      if (out.json) {
        out.object('Fact', { at, fact });
        return;
      }
      if (fact.type === 'step.marked') {
        current = fact.step;
        const word = marks[fact.mark];
        if (word !== undefined) print(at, fact.step, fact.target, fact.mark === 'verified' ? c.green(word) : fact.mark === 'undone' ? c.yellow(word) : word);
      } else if (fact.type === 'note') print(at, fact.step, fact.target, c.dim(fact.message.split('\n').join(`\n${' '.repeat(51)}`)));
      else if (fact.type === 'step.failed') print(at, fact.step, '', c.red(`${fact.phase} found ${fact.failures.length === 1 ? 'a problem' : `${fact.failures.length} problems`}`));
      else if (fact.type === 'phase.ended' && fact.phase === 'apply') print(at, fact.step, '', c.dim(`apply took ${(fact.ms / 1000).toFixed(1)} s`));
      else if (fact.type === 'guard.tripped') print(at, 'API', '', c.red(`the API went away: ${fact.failure.cause}`));
      else if (fact.type === 'guard.cleared') print(at, 'API', '', 'the API is back');
      else if (fact.type === 'plan.amended') print(at, 'plan', '', `made anew: ${fact.reason}`);
      else if (fact.type === 'run.approved') print(at, 'gate', '', `${fact.gate} approved by ${fact.by}`);
      else if (fact.type === 'run.pauseAsked') print(at, 'run', '', 'stopping at the next safe point');
      footer();
    },
  };
}
