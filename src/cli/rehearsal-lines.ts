/** A rehearsal as lines for people: one for each step, with its duration, its nodes, and the availability of the API beside it. */

import type { Availability, Count } from '../app/rehearse-availability.js';
import { isCutover } from '../app/rehearse-outages.js';
import type { Fact } from '../domain/run/facts.js';
import { type Plan, wholeCluster } from '../domain/plan/plan.js';
import type { Output } from './output.js';

export interface RehearsalLines {
  /** What is waited for while no step is under way: redrawn with its seconds on a terminal. */
  during(what: string): void;
  show(line: { readonly at: string; readonly fact: Fact }, availability: Availability): void;
  /** Takes the redrawn line away, before something else is printed. */
  wipe(): void;
  /** Draws no more. */
  end(): void;
}

interface Begun {
  readonly atMs: number;
  readonly count: Count;
}

const redrawMs = 200;
const hint = '   (Ctrl-C ends it)';

/** `plan`: undefined as long as there is none. */
export function openRehearsalLines(out: Output, plan: () => Plan | undefined): RehearsalLines {
  const c = out.colours;
  const begun = new Map<string, Begun>();
  /** Targets that are proved, by step: a step works on some of its targets after the others. */
  const proved = new Map<string, Set<string>>();
  const approved = new Set<string>();
  let startedAtMs = Date.now();
  let current = '';
  /** End of the step before: looks that a step begins with are its own. */
  let since: Begun | undefined;
  let waiting: { readonly what: string; readonly sinceMs: number } | undefined;
  let seen: Availability | undefined;
  let isDrawn = false;
  const timer = out.isTerminal ? setInterval(draw, redrawMs) : undefined;
  timer?.unref();

  /** Both CAs are trusted at no moment, and failed requests are no news. */
  function isCutting(): boolean {
    const made = plan();
    return made !== undefined && isCutover(made);
  }

  function wipe(): void {
    if (isDrawn) process.stderr.write('\r\u001b[K');
    isDrawn = false;
  }

  function draw(): void {
    const text = footer();
    if (text === undefined) return;
    process.stderr.write(`\r\u001b[K${c.dim(text.slice(0, Math.max(20, columns() - 1)))}`);
    isDrawn = true;
  }

  function footer(): string | undefined {
    const seconds = (sinceMs: number): string => `${((Date.now() - sinceMs) / 1000).toFixed(0)} s`;
    if (waiting !== undefined) return `  ${waiting.what}, ${seconds(waiting.sinceMs)}   (Ctrl-C ends it)`;
    const steps = plan()?.steps ?? [];
    const position = steps.findIndex(({ id }) => id === current);
    if (position < 0 || seen === undefined) return undefined;
    const { sent, failed } = seen.total();
    const ofStep = seconds((begun.get(current) ?? since)?.atMs ?? startedAtMs);
    const gate = begun.has(current) ? undefined : steps[position]?.gate;
    const what = gate === undefined || approved.has(gate.name) ? current : `gate ${gate.name}`;
    const text = `  ${position + 1}/${steps.length} ${what}  ${ofStep}, ${seconds(startedAtMs)} in all, API ${sent - failed}/${sent}`;
    return `${text}${hint}`.length < columns() ? `${text}${hint}` : text;
  }

  function print(text: string): void {
    wipe();
    out.say(text);
  }

  function ended(step: string, availability: Availability): void {
    const steps = plan()?.steps ?? [];
    const position = steps.findIndex(({ id }) => id === step);
    const planned = steps[position];
    const start = begun.get(step);
    if (planned === undefined || start === undefined || !planned.targets.every((target) => proved.get(step)?.has(target))) return;
    const { sent, failed } = availability.total();
    since = { atMs: Date.now(), count: availability.total() };
    current = steps[position + 1]?.id ?? current;
    const count = { sent: sent - start.count.sent, failed: failed - start.count.failed };
    const api = count.sent === 0 ? c.dim('API -') : (count.failed === 0 ? c.green : isCutting() ? c.yellow : c.red)(`API ${count.sent - count.failed}/${count.sent}`);
    const seconds = `${((Date.now() - start.atMs) / 1000).toFixed(1)} s`;
    print(
      `${c.green('✓')} ${String(position + 1).padStart(2)}/${steps.length} ${planned.id.padEnd(width(steps))} ${seconds.padStart(7)}  ${nodesOf(planned.targets).padEnd(Math.max(...steps.map(({ targets }) => nodesOf(targets).length)))}  ${api}`,
    );
  }

  return {
    wipe,
    during(what) {
      waiting = { what, sinceMs: Date.now() };
    },
    end() {
      clearInterval(timer);
      wipe();
    },
    show({ at, fact }, availability) {
      seen = availability;
      if (waiting !== undefined) {
        waiting = undefined;
        startedAtMs = Date.now();
        since = { atMs: startedAtMs, count: availability.total() };
        current = plan()?.steps[0]?.id ?? '';
      }
      if (out.json) {
        out.object('Fact', { at, fact });
        return;
      }
      if ('step' in fact) {
        current = fact.step;
        if (!begun.has(fact.step)) begun.set(fact.step, since ?? { atMs: Date.now(), count: availability.total() });
      }
      if (fact.type === 'step.marked' && fact.mark === 'verified') proved.set(fact.step, new Set([...(proved.get(fact.step) ?? []), fact.target]));
      if (fact.type === 'phase.ended' && fact.phase === 'verify') ended(fact.step, availability);
      else if (fact.type === 'run.approved') {
        approved.add(fact.gate);
        since = { atMs: Date.now(), count: availability.total() };
        print(`${c.yellow('◆')}       gate ${fact.gate}: ${isCutting() ? 'approved' : 'both kinds of client were asked, approved'}`);
      } else if (fact.type === 'step.failed')
        print(`${c.red('✗')}       ${fact.step}: ${fact.phase} found ${fact.failures.length === 1 ? 'a problem' : `${fact.failures.length} problems`}`);
      else if (fact.type === 'guard.tripped') print(`${c.red('✗')}       the API went away: ${fact.failure.cause}`);
      else if (fact.type === 'guard.cleared') print('        the API is back');
      else if (fact.type === 'plan.amended') print(`        the plan was made anew: ${fact.reason}`);
    },
  };
}

function columns(): number {
  return process.stderr.columns ?? 80;
}

function width(steps: Plan['steps']): number {
  return Math.max(...steps.map(({ id }) => id.length));
}

function nodesOf(targets: readonly string[]): string {
  if (targets.length === 1 && targets[0] === wholeCluster) return 'the cluster';
  const text = ranges(targets).join(' ');
  return text.length <= widestNodes ? text : `${targets.length} nodes`;
}

/** So that a line fits into 80 columns. */
const widestNodes = 15;

/** "cp1 cp2 cp3" as "cp1-cp3": neighbours by number, in the order given. */
function ranges(names: readonly string[]): string[] {
  const runs: { readonly first: string; last: string; count: number }[] = [];
  for (const name of names) {
    const run = runs.at(-1);
    if (run === undefined || follower(run.last) !== name) runs.push({ first: name, last: name, count: 1 });
    else Object.assign(run, { last: name, count: run.count + 1 });
  }
  return runs.map(({ first, last, count }) => (count === 1 ? first : count === 2 ? `${first} ${last}` : `${first}-${last}`));
}

function follower(name: string): string {
  return name.replace(/\d+$/, (number) => String(Number(number) + 1));
}
