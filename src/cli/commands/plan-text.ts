/** A plan as text: what would be done, in which order, where it waits, and what is left out. */

import type { Plan } from '../../domain/plan/plan.js';
import { writeDuration } from '../../domain/plan/duration.js';
import type { Output } from '../output.js';

export function planText(plan: Plan, out: Pick<Output, 'colours'>): string {
  const c = out.colours;
  const outgoing = plan.inventory.nodes.flatMap((n) => n.files).find((f) => f.path === '/etc/kubernetes/pki/ca.crt')?.certificates[0];
  const nodes = plan.inventory.nodes.map((n) => `${n.name} (${n.roles.join(', ')}, ${n.internalIp}, kubelet ${n.kubeletVersion})`);
  const width = Math.max(...plan.steps.map((s) => s.id.length), 8);
  const lines = [
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
    '',
  ];
  for (const [index, step] of plan.steps.entries()) {
    if (step.gate !== undefined) lines.push(c.yellow(`  -- gate ${step.gate.name}: ${step.gate.question}`));
    lines.push(
      `  ${String(index + 1).padStart(2)} ${step.id.padEnd(width)}  ${step.title} [${step.targets.join(', ')}] ${c.dim(`at most ${writeDuration(step.deadlineMs)} a phase`)}`,
    );
  }
  for (const dropped of plan.dropped) lines.push(c.dim(`   - ${dropped.name.padEnd(width)}  not needed: ${dropped.why}`));
  const gates = plan.steps.filter((s) => s.gate !== undefined).length;
  lines.push('', `Plan: ${plan.steps.length} steps on ${plan.inventory.nodes.length} nodes, ${gates} gates, ${plan.dropped.length} steps not needed.`, `Digest: ${plan.digest}`);
  return lines.join('\n');
}
