/** A plan as text: what would be done, in which order, what it does to each connection, where it waits, and what is left out. */

import { leftOutByThePage, pageSteps, pageStepsOf } from '../../domain/plan/docs-page.js';
import { writeDuration } from '../../domain/plan/duration.js';
import { expectedMs } from '../../domain/plan/expected.js';
import type { Plan } from '../../domain/plan/plan.js';
import { outgoingOf } from '../../domain/trust/outgoing.js';
import type { PlanProof } from '../../domain/trust/graph.js';
import type { Output } from '../output.js';
import { count, stepLines } from './proof-text.js';

export interface PlanTextOptions {
  /** Beside each step that of the page of the documentation. */
  readonly checkDocs?: boolean;
  /** Each edge by itself. */
  readonly allEdges?: boolean;
}

export function planText(plan: Plan, proof: PlanProof, out: Pick<Output, 'colours'>, options: PlanTextOptions = {}): string {
  const c = out.colours;
  const width = Math.max(...plan.steps.map((s) => s.id.length), 8);
  const lines = [...head(plan, c), policyLine(proof), ...alreadyBroken(proof, c), ''];
  for (const [index, step] of plan.steps.entries()) {
    if (step.gate !== undefined) lines.push(c.yellow(`  -- gate ${step.gate.name}: ${step.gate.question}`));
    lines.push(
      `  ${String(index + 1).padStart(2)} ${step.id.padEnd(width)}  ${step.title} [${step.targets.join(', ')}] ${c.dim(`about ${writeDuration(expectedMs(step))}, at most ${writeDuration(step.deadlineMs)} a phase`)}`,
    );
    if (options.checkDocs === true) lines.push(...pageLines(step, c));
    const own = proof.steps.find((one) => one.step === step.id);
    if (own !== undefined) lines.push(...stepLines(own, c, options.allEdges ?? false).map((line) => `       ${line}`));
  }
  for (const dropped of plan.dropped) lines.push(c.dim(`   - ${dropped.name.padEnd(width)}  not needed: ${dropped.why}`));
  if (options.checkDocs === true) lines.push('', c.bold('What the page leaves out'), ...leftOutByThePage.map((one) => `  - ${one}`));
  lines.push('', c.bold('What rotate-ca cannot see, and you must do'), ...proof.unseen.map((one) => `  - ${one}`), '', ...summary(plan, proof), `Digest: ${plan.digest}`);
  return lines.join('\n');
}

function head(plan: Plan, c: Output['colours']): string[] {
  const outgoing = outgoingOf(plan.inventory);
  const nodes = plan.inventory.nodes.map((n) => `${n.name} (${n.roles.join(', ')}, ${n.internalIp}, kubelet ${n.kubeletVersion})`);
  return [
    c.bold(`Plan ${plan.name}`),
    `  cluster   ${plan.inventory.cluster.server}  ${plan.inventory.cluster.version}  uid ${plan.inventory.cluster.uid}`,
    ...(outgoing === undefined
      ? []
      : [
          `  outgoing  ${outgoing.subject}  ${outgoing.keyType}  valid until ${new Date(outgoing.notAfterMs).toISOString().slice(0, 10)}  sha256 ${outgoing.fingerprint.slice(0, 16)}`,
        ]),
    `  incoming  a new self-signed root of ${plan.settings.vault.address}, mount ${plan.settings.vault.mount}`,
    `  nodes     ${nodes[0] ?? ''}`,
    ...nodes.slice(1).map((n) => `            ${n}`),
  ];
}

/** When what is stored is loaded: shown on the lab, or read in the source alone. */
function policyLine({ policies: { proved, modelled } }: PlanProof): string {
  const kinds = [...new Set(modelled.map((id) => id.replace(/@\S+/, '').replace(/^pods? (of )?\S+/, 'pod')))];
  return `  reloads   of ${count(proved + modelled.length, 'input')} ${proved} are proved on the lab for this release, ${modelled.length} modelled from the source${kinds.length === 0 ? '' : ` (${kinds.slice(0, 5).join(', ')}${kinds.length > 5 ? ` and ${kinds.length - 5} more kinds` : ''})`}`;
}

function alreadyBroken({ before }: PlanProof, c: Output['colours']): string[] {
  if (before.length === 0) return [];
  return [
    '',
    c.yellow(`Before anything is done ${before.length === 1 ? 'an edge does' : `${before.length} edges do`} not hold:`),
    ...before.map(({ edge, why }) => `  ${edge}: ${why}`),
  ];
}

function pageLines(step: Plan['steps'][number], c: Output['colours']): string[] {
  const numbers = pageStepsOf(step);
  if (numbers.length === 0) return [c.cyan('       page: nothing of this')];
  return numbers.map((number) => c.cyan(`       page ${number === 'before' ? '(before it begins)' : `step ${number}`}: ${pageSteps[number] ?? ''}`));
}

/** In terraform's manner, then how the edges stand. */
function summary(plan: Plan, proof: PlanProof): string[] {
  const signs = { '+': 0, '~': 0, '-': 0 };
  for (const { changes } of proof.steps) for (const { sign } of changes) signs[sign] += 1;
  const restarts = proof.steps.reduce((sum, { restarts: some }) => sum + some.filter(({ done }) => done).length, 0);
  const found = (verdict: string): number => new Set(proof.steps.flatMap(({ findings }) => findings.filter((f) => f.verdict === verdict).map(({ edge }) => edge))).size;
  const all = Object.values(proof.verdicts);
  const standing = (verdict: string): number => all.filter((one) => one === verdict).length;
  const gates = plan.steps.filter((s) => s.gate !== undefined).length;
  const cut = found('cut');
  return [
    `Plan: ${signs['+']} to add, ${signs['~']} to change, ${signs['-']} to remove; ${count(restarts, 'restart')}.`,
    `${count(plan.steps.length, 'step')} on ${count(plan.inventory.nodes.length, 'node')}, ${count(gates, 'gate')}, ${count(plan.dropped.length, 'step')} not needed; about ${writeDuration(plan.steps.reduce((sum, step) => sum + expectedMs(step), 0))} without the waits at gates.`,
    `Proof: ${count(all.length, 'edge')}, of which ${found('break')} would break, ${cut === 0 ? '' : `${cut} are cut on purpose and come back, `}${found('latent')} would break at a restart, ${found('blip')} blip; at the end ${standing('hold')} hold, ${standing('unverified')} are verified by nobody.`,
  ];
}
