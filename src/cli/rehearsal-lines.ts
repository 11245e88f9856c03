/** A rehearsal as lines for people: one for each step, with its duration, its nodes, and the availability of the API beside it. */

import type { Availability, Count } from '../app/rehearse-availability.js';
import type { Fact } from '../domain/run/facts.js';
import { type Plan, wholeCluster } from '../domain/plan/plan.js';
import type { Output } from './output.js';

export interface RehearsalLines {
  show(line: { readonly at: string; readonly fact: Fact }, availability: Availability): void;
  /** Ends the line that is redrawn, before anything else is printed. */
  end(): void;
}

interface Begun {
  readonly atMs: number;
  readonly count: Count;
}

const redrawMs = 200;

export function openRehearsalLines(out: Output, plan: () => Plan): RehearsalLines {
  const c = out.colours;
  const begun = new Map<string, Begun>();
  /** Targets that are proved, by step: a step works on some of its targets after the others. */
  const proved = new Map<string, Set<string>>();
  const startedAtMs = Date.now();
  let current = '';
  let seen: Availability | undefined;
  let isDrawn = false;
  const timer = out.isTerminal ? setInterval(draw, redrawMs) : undefined;
  timer?.unref();

  function wipe(): void {
    if (isDrawn) process.stderr.write('\r\u001b[K');
    isDrawn = false;
  }

  function draw(): void {
    const steps = plan().steps;
    const position = steps.findIndex(({ id }) => id === current);
    if (position < 0 || seen === undefined) return;
    const { sent, failed } = seen.total();
    const text = `${position + 1}/${steps.length} ${current}  ${((Date.now() - startedAtMs) / 1000).toFixed(0)} s  API ${sent - failed} of ${sent}  Ctrl-C ends it`;
    process.stderr.write(`\r\u001b[K${c.dim(text.slice(0, Math.max(20, (process.stderr.columns ?? 80) - 1)))}`);
    isDrawn = true;
  }

  function print(text: string): void {
    wipe();
    out.say(text);
  }

  function ended(step: string, availability: Availability): void {
    const steps = plan().steps;
    const position = steps.findIndex(({ id }) => id === step);
    const planned = steps[position];
    const start = begun.get(step);
    if (planned === undefined || start === undefined || !planned.targets.every((target) => proved.get(step)?.has(target))) return;
    const { sent, failed } = availability.total();
    const count = { sent: sent - start.count.sent, failed: failed - start.count.failed };
    const api = count.failed === 0 ? c.green(`API ${count.sent}/${count.sent}`) : c.red(`API ${count.sent - count.failed}/${count.sent}`);
    const seconds = `${((Date.now() - start.atMs) / 1000).toFixed(1)} s`;
    print(
      `${c.green('✓')} ${String(position + 1).padStart(2)}/${steps.length} ${planned.id.padEnd(width(steps))} ${seconds.padStart(7)}  ${nodesOf(planned.targets).padEnd(22)} ${api}`,
    );
  }

  return {
    end() {
      clearInterval(timer);
      wipe();
    },
    show({ at, fact }, availability) {
      seen = availability;
      if (out.json) {
        out.object('Fact', { at, fact });
        return;
      }
      if ('step' in fact) {
        current = fact.step;
        if (!begun.has(fact.step)) begun.set(fact.step, { atMs: Date.now(), count: availability.total() });
      }
      if (fact.type === 'step.marked' && fact.mark === 'verified') proved.set(fact.step, new Set([...(proved.get(fact.step) ?? []), fact.target]));
      if (fact.type === 'phase.ended' && fact.phase === 'verify') ended(fact.step, availability);
      else if (fact.type === 'run.approved') print(`${c.yellow('◆')}       gate ${fact.gate}: both kinds of client were asked, approved`);
      else if (fact.type === 'step.failed')
        print(`${c.red('✗')}       ${fact.step}: ${fact.phase} found ${fact.failures.length === 1 ? 'a problem' : `${fact.failures.length} problems`}`);
      else if (fact.type === 'guard.tripped') print(`${c.red('✗')}       the API went away: ${fact.failure.cause}`);
      else if (fact.type === 'guard.cleared') print('        the API is back');
      else if (fact.type === 'plan.amended') print(`        the plan was made anew: ${fact.reason}`);
    },
  };
}

function width(steps: Plan['steps']): number {
  return Math.max(...steps.map(({ id }) => id.length));
}

function nodesOf(targets: readonly string[]): string {
  if (targets.length === 1 && targets[0] === wholeCluster) return 'the cluster';
  const text = targets.join(' ');
  return text.length <= 22 ? text : `${targets.length} nodes`;
}
