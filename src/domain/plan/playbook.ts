/** A playbook: named steps of known kinds, as the operator wrote them. Reads the YAML, or says all that is wrong with it, each with its line. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Role } from '../cluster/inventory.js';
import { type Failure, RotationError } from '../errors.js';
import { didYouMean } from '../source/nearest.js';
import { readYaml, type YamlSource } from '../source/yaml-source.js';
import { duration } from './duration.js';
import type { Gate } from './plan.js';

const name = z
  .string()
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'write small letters, digits and single hyphens, as in "renew-kubelets"')
  .max(60);

const batch = z.strictObject({
  size: z
    .union([z.int().min(1), z.string().regex(/^([1-9]|[1-9]\d|100)%$/)], { error: 'write a whole number of nodes, or a share of them, "25%"' })
    .describe('How many nodes at once: a number, or a share of the nodes of a role ("25%", rounded down, at least one).'),
  per: z
    .enum(['control-plane', 'worker'])
    .optional()
    .describe(
      'The role that the size is for. Control planes are then one at a time if it is worker, and workers are not cut if it is control-plane. Without it the size is for both.',
    ),
});

const gate = z.strictObject({
  name: name.describe('What is approved: rotate-ca approve RUN --gate NAME.'),
  question: z.string().min(1).describe('What the operator is asked, and what holds when it is asked.'),
});

const step = z.strictObject({
  name: name.describe('Unique in the playbook; batches are called name, name/2, ...'),
  kind: z.string().min(1).describe('Kind of the step.'),
  title: z.string().min(1).max(120).describe('What it does, in a few words.'),
  params: z.record(z.string(), z.unknown()).optional().describe('Parameters of the kind.'),
  batch: batch.optional().describe('How many nodes at once. Without it: all targets in one step.'),
  gate: gate.optional().describe('The run waits for an approval before this step.'),
  timeout: duration.describe('Deadline of each phase of the step: "90s", "10m", "1h30m".'),
  ifItFails: z.string().min(1).describe('What breaks first if this goes wrong.'),
  rollback: z.string().min(1).describe('How it is taken back.'),
  needs: z.array(z.string()).optional().describe('Names of steps that must stand before this one.'),
});

/** Schema of a playbook file; the params of each step are checked by the schema of its kind. */
export const playbookSchema = z.strictObject({
  apiVersion: z.literal('rotate-ca/v1').describe('Always rotate-ca/v1.'),
  kind: z.literal('Playbook').describe('Always Playbook.'),
  name: name.describe('Name of the playbook.'),
  description: z.string().min(1).describe('What it is for, and what it covers.'),
  steps: z.array(step).min(1).max(500).describe('The steps, in their order.'),
});

export interface Batch {
  /** Nodes, or a share of them: "25%". */
  readonly size: number | string;
  readonly per?: Role;
}

export interface PlaybookStep {
  readonly name: string;
  readonly kind: string;
  readonly title: string;
  /** As written: the schema of the kind reads them wherever they are used. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly batch?: Batch;
  readonly gate?: Gate;
  readonly deadlineMs: number;
  readonly ifItFails: string;
  readonly rollback: string;
  readonly needs: readonly string[];
}

export interface Playbook {
  readonly file: string;
  /** SHA-256 of the text, lower-case hex. */
  readonly sha256: string;
  readonly name: string;
  readonly description: string;
  readonly steps: readonly PlaybookStep[];
}

/** Throws RotationError playbook-invalid with everything that is wrong, in the order of the file. */
export function readPlaybook(text: string, file: string, kinds: ReadonlyMap<string, { readonly params: z.ZodType }>): Playbook {
  const source = readYaml(text, file, { code: 'playbook-invalid' });
  const parsed = playbookSchema.safeParse(source.value, { reportInput: true });
  const failures = [...(parsed.success ? [] : source.issues(parsed.error, { schema: playbookSchema })), ...problemsOfKinds(source, kinds), ...problemsOfNames(source)];
  if (!parsed.success || failures.length > 0) throw new RotationError(failures.sort(byPlace));
  const { data } = parsed;
  return {
    file,
    sha256: createHash('sha256').update(text).digest('hex'),
    name: data.name,
    description: data.description,
    steps: data.steps.map((s) => ({
      name: s.name,
      kind: s.kind,
      title: s.title,
      params: s.params ?? {},
      deadlineMs: s.timeout,
      ifItFails: s.ifItFails.trim(),
      rollback: s.rollback.trim(),
      needs: s.needs ?? [],
      ...(s.batch === undefined ? {} : { batch: { size: s.batch.size, ...(s.batch.per === undefined ? {} : { per: s.batch.per }) } }),
      ...(s.gate === undefined ? {} : { gate: { name: s.gate.name, question: s.gate.question.trim() } }),
    })),
  };
}

/** Steps as far as they are there, so that one mistake does not hide another. */
function stepsOf(source: YamlSource): { index: number; fields: Record<string, unknown> }[] {
  const { steps } = (isRecord(source.value) ? source.value : {}) as { steps?: unknown };
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((fields: unknown, index) => (isRecord(fields) ? [{ index, fields }] : []));
}

function problemsOfKinds(source: YamlSource, kinds: ReadonlyMap<string, { readonly params: z.ZodType }>): Failure[] {
  return stepsOf(source).flatMap(({ index, fields }) => {
    if (typeof fields.kind !== 'string' || fields.kind === '') return [];
    const kind = kinds.get(fields.kind);
    if (kind === undefined) {
      const nextAction = `${didYouMean(fields.kind, kinds.keys())}Kinds: ${[...kinds.keys()].join(', ')}.`;
      return [source.complain(['steps', index, 'kind'], { summary: `unknown kind of step "${fields.kind}"`, nextAction })];
    }
    const params = fields.params ?? {};
    if (!isRecord(params)) return [];
    const read = kind.params.safeParse(params, { reportInput: true });
    return read.success ? [] : source.issues(read.error, { under: ['steps', index, 'params'], schema: kind.params });
  });
}

function problemsOfNames(source: YamlSource): Failure[] {
  const failures: Failure[] = [];
  const seen = new Set<string>();
  const gates = new Set<string>();
  for (const { index, fields } of stepsOf(source)) {
    for (const [i, needed] of (Array.isArray(fields.needs) ? (fields.needs as unknown[]) : []).entries()) {
      if (typeof needed !== 'string' || seen.has(needed)) continue;
      const nextAction = `${didYouMean(needed, seen)}Name a step that stands before this one.`;
      failures.push(source.complain(['steps', index, 'needs', i], { summary: `no step "${needed}" stands before this one`, nextAction }));
    }
    const own = fields.name;
    if (typeof own === 'string') {
      if (seen.has(own)) failures.push(source.complain(['steps', index, 'name'], { summary: `a second step "${own}"`, nextAction: 'Give each step a name of its own.' }));
      seen.add(own);
    }
    const gateName = isRecord(fields.gate) ? fields.gate.name : undefined;
    if (typeof gateName === 'string') {
      if (gates.has(gateName))
        failures.push(source.complain(['steps', index, 'gate', 'name'], { summary: `a second gate "${gateName}"`, nextAction: 'Give each gate a name of its own.' }));
      gates.add(gateName);
    }
  }
  return failures;
}

function byPlace(a: Failure, b: Failure): number {
  const place = (f: Failure): number[] => f.target.split(':').slice(-2).map(Number);
  const [lineA = 0, columnA = 0] = place(a);
  const [lineB = 0, columnB = 0] = place(b);
  return lineA - lineB || columnA - columnB;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
