/** Reads a saved plan: damaged, edited and foreign ones are refused. */

import { z } from 'zod';
import { fail } from '../errors.js';
import { digestOf } from './digest.js';
import type { Plan } from './plan.js';

const text = z.string();
const gate = z.strictObject({ name: text, question: text });
const step = z.strictObject({
  id: text.min(1),
  kind: text.min(1),
  title: text,
  params: z.record(text, z.unknown()),
  targets: z.array(text).min(1),
  deadlineMs: z.number().positive(),
  gate: gate.optional(),
  ifItFails: text,
  rollback: text,
});
const records = z.array(z.looseObject({}));
const node = z.looseObject({ name: text, roles: z.array(z.enum(['control-plane', 'worker'])), host: z.looseObject({ name: text, sshHost: text }), files: records, components: records });

const planSchema = z.strictObject({
  apiVersion: z.literal('rotate-ca/v1'),
  kind: z.literal('Plan'),
  name: text.min(1),
  createdAt: text,
  tool: text,
  playbook: z.strictObject({ file: text, sha256: text }),
  settings: z.looseObject({ inventoryFile: text, kubeconfig: text, context: text, vault: z.looseObject({ address: text, mount: text }), recipients: z.array(text), identityFile: text, stateDir: text }),
  inventory: z.looseObject({ takenAt: text, cluster: z.looseObject({ uid: text, server: text, version: text }), nodes: z.array(node), objects: records }),
  steps: z.array(step),
  dropped: z.array(z.strictObject({ name: text, kind: text, why: text })),
  digest: text.regex(/^[0-9a-f]{64}$/),
});

const again = 'Make it again with "rotate-ca plan".';

/** Throws RotationError plan-invalid. Of what is outside of the digest (times, stateDir, bytes of files) an edit is not seen: it changes nothing that is approved. */
export function readPlan(json: string, file: string): Plan {
  const data = parse(json, file);
  const head = z.looseObject({ apiVersion: z.unknown(), kind: z.unknown() }).safeParse(data);
  if (!head.success || head.data.kind !== 'Plan') return fail('plan-invalid', { target: file, summary: 'this is not a plan', cause: 'it has no kind "Plan"', nextAction: `Give the file that "rotate-ca plan" wrote.` });
  if (head.data.apiVersion !== 'rotate-ca/v1') {
    return fail('plan-invalid', { target: file, summary: 'the plan is of another version', cause: `its apiVersion is ${JSON.stringify(head.data.apiVersion)}, this program reads "rotate-ca/v1"`, nextAction: again });
  }
  const read = planSchema.safeParse(data);
  if (!read.success) {
    const [issue] = read.error.issues;
    return fail('plan-invalid', { target: file, summary: 'the plan is damaged', cause: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`, nextAction: again });
  }
  const plan = data as Plan;
  const digest = recount(plan, file);
  if (digest !== plan.digest) {
    return fail('plan-invalid', {
      target: file,
      summary: 'the plan was edited after it was made',
      cause: `its digest says ${plan.digest.slice(0, 12)}, its content is ${digest.slice(0, 12)}`,
      nextAction: 'A plan is changed through its playbook, inventory or settings: change those, then run "rotate-ca plan" again.',
    });
  }
  return plan;
}

function parse(json: string, file: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (error) {
    const cause = error instanceof Error ? (error.message.split('\n')[0] ?? '').slice(0, 120) : '';
    return fail('plan-invalid', { target: file, summary: 'the plan is damaged', cause: `it is not JSON: ${cause}`, nextAction: again });
  }
}

function recount(plan: Plan, file: string): string {
  try {
    return digestOf(plan);
  } catch (error) {
    return fail('plan-invalid', { target: file, summary: 'the plan is damaged', cause: 'its inventory is not one', nextAction: again }, { cause: error });
  }
}
