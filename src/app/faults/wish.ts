/** Which cases are wanted: `all`, `sample`, or NAME[@STEP[:TARGET]]. */

import { fail } from '../../domain/errors.js';
import { didYouMean } from '../../domain/source/nearest.js';
import { faultKinds } from './fault-kinds.js';

export interface FaultWish {
  /** undefined: all. */
  readonly fault?: string;
  readonly step?: string;
  readonly target?: string;
  /** A few drawn ones, in one run. */
  readonly isSample?: true;
}

/** Throws usage with the nearest names. */
export function readWish(text: string): FaultWish {
  if (text === 'all') return {};
  if (text === 'sample') return { isSample: true };
  const [, fault = '', step, target] = /^([^@]*)(?:@([^:]*)(?::(.*))?)?$/s.exec(text) ?? [];
  const names = faultKinds.map(({ name }) => name);
  if (!names.includes(fault)) refuse('--faults', fault === '' ? `"${text}" names no fault` : `there is no fault "${fault}"`, fault, ['all', 'sample', ...names], 'Faults');
  if (step === '') refuse('--faults', `"${text}" names no step behind the @`, '', [], 'Steps');
  if (target === '') refuse('--faults', `"${text}" names no target behind the colon`, '', [], 'Targets');
  return { fault, ...(step === undefined ? {} : { step }), ...(target === undefined ? {} : { target }) };
}

export interface KnownNames {
  /** Of the playbook. */
  readonly steps: readonly string[];
  readonly nodes: readonly string[];
}

/** Before a cluster is started. A batch is named as "kubelets-trust-both/2". Throws usage with the nearest names. */
export function checkWish({ fault, step, target }: FaultWish, { steps, nodes }: KnownNames): void {
  if (step !== undefined && !steps.includes(step.replace(/\/\d+$/, ''))) refuse('--faults', `there is no step "${step}"`, step, steps, 'Steps');
  if (target === undefined) return;
  const targets = [...nodes, 'cluster'];
  if (!targets.includes(target)) refuse('--faults', `there is no target "${target}"`, target, targets, 'Targets');
  const kind = faultKinds.find(({ name }) => name === fault);
  const everything = {
    nodes,
    controlPlanes: nodes,
    commands: counted(nodes),
    kubeletStarts: counted(nodes),
    vaultCalls: 1,
    writes: 1,
    changed: Object.fromEntries(nodes.map((node) => [node, [{ path: '', before: '' }]])),
  };
  const possible = kind?.places(everything) ?? [];
  if (!possible.includes(target)) refuse('--faults', `"${fault ?? ''}" cannot strike at "${target}"`, target, possible, 'Targets');
}

const counted = (nodes: readonly string[]): Record<string, number> => Object.fromEntries(nodes.map((node) => [node, 1]));

/** After the plan has been made: a step of the playbook may not be needed on this cluster. */
export function checkPlanned({ step }: FaultWish, planned: readonly string[]): void {
  if (step !== undefined && !planned.includes(step)) refuse('--faults', `the step "${step}" is not in the plan for this cluster`, step, planned, 'Steps of the plan');
}

function refuse(target: string, summary: string, word: string, known: readonly string[], title: string): never {
  return fail('usage', {
    target,
    summary,
    cause: 'it is "all", "sample", or NAME, NAME@STEP, NAME@STEP:TARGET',
    nextAction: `${didYouMean(word, known)}${known.length === 0 ? 'Write it, or leave the mark away.' : `${title}: ${known.join(', ')}.`}`,
  });
}
