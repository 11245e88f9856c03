/** rotate-ca status, journal: what runs there are, how far one has come, and what happened. */

import type { Command } from 'commander';
import type { RunOverview } from '../../app/list-runs.js';
import { stateDirOf } from '../../app/settings.js';
import { exitCodes } from '../../domain/errors.js';
import type { Context } from '../context.js';
import { table } from '../table.js';
import { withStateOption } from './shared-options.js';

export function addStatusCommands(program: Command, context: Context): void {
  const { out, env } = context;

  withStateOption(program.command('status').argument('[run]').summary('runs, or how far one has come'))
    .option('--node <name>', 'only this node')
    .action(async (named: string | undefined, flags: { stateDir?: string; node?: string }) => {
      const stateDir = stateDirOf(flags, env);
      if (named === undefined) await showRuns(stateDir, context);
      else await showRun(stateDir, named, context, flags.node);
      context.end(exitCodes.ok);
    });

  withStateOption(program.command('journal').argument('[run]').summary('every fact of a run, as it was written')).action(
    async (named: string | undefined, flags: { stateDir?: string }) => {
      const { chooseRun, overviewOf } = await import('../../app/list-runs.js');
      const stateDir = stateDirOf(flags, env);
      const { lines } = overviewOf(stateDir, chooseRun(stateDir, named));
      for (const { seq, at, fact } of lines) {
        out.object('Fact', { seq, at, fact });
        const { type, ...rest } = fact;
        out.result(
          `${String(seq).padStart(5)}  ${at}  ${type.padEnd(16)}  ${Object.values(rest)
            .map((v) => (typeof v === 'string' ? v : JSON.stringify(v)))
            .join('  ')}`,
        );
      }
      context.end(exitCodes.ok);
    },
  );
}

function stateOf(overview: RunOverview): string {
  const { progress, lines } = overview;
  if (lines.some((l) => l.fact.type === 'outgoing.destroyed')) return 'finalized';
  if (progress.outcome !== null) return progress.outcome;
  if (progress.failure !== null) return 'halted';
  if (progress.pauseAsked) return 'paused';
  return progress.direction === 'back' ? 'going back' : progress.submitted ? 'open' : 'planned';
}

async function showRuns(stateDir: string, { out }: Context): Promise<void> {
  const { listRuns, overviewOf } = await import('../../app/list-runs.js');
  const overviews = listRuns(stateDir).map((run) => overviewOf(stateDir, run));
  out.object('RunList', { runs: overviews.map((o) => ({ run: o.run, state: stateOf(o), cluster: o.plan.inventory.cluster, last: o.lines.at(-1)?.at })) });
  if (overviews.length === 0) out.result(`There are no runs in ${stateDir}.`);
  else
    out.result(
      table(
        ['RUN', 'STATE', 'CLUSTER', 'BEGUN', 'LAST FACT'],
        overviews.map((o) => [o.run, stateOf(o), o.plan.inventory.cluster.server, o.lines[0]?.at ?? '', o.lines.at(-1)?.at ?? '']),
      ),
    );
}

async function showRun(stateDir: string, run: string, { out }: Context, node: string | undefined): Promise<void> {
  const { overviewOf } = await import('../../app/list-runs.js');
  const overview = overviewOf(stateDir, run);
  const { plan, progress } = overview;
  const rows = plan.steps.flatMap((step) =>
    step.targets
      .filter((t) => node === undefined || t === node)
      .map((target) => [step.id, target, progress.marks[step.id]?.[target]?.mark ?? 'pending', step.gate === undefined ? '' : `gate ${step.gate.name}`]),
  );
  out.object('Run', {
    run,
    state: stateOf(overview),
    attempt: progress.attempt,
    direction: progress.direction,
    failure: progress.failure,
    steps: rows.map(([step, target, mark]) => ({ step, target, mark })),
  });
  out.result(`Run ${run}: ${stateOf(overview)}, attempt ${progress.attempt}, going ${progress.direction}\n`);
  out.result(table(['STEP', 'TARGET', 'MARK', ''], rows));
  if (progress.failure === null) return;
  const step = plan.steps.find((s) => s.id === progress.failure?.step);
  out.say('');
  out.failures(progress.failure.failures);
  if (step !== undefined) {
    out.say(`  What breaks first: ${step.ifItFails}`);
    out.say(`  How it is taken back: ${step.rollback}`);
  }
}
