/** put-objects: the operator's own certificates and trust bundles are put into fields of API objects: caBundle, TLS Secrets, copies of a CA. */

import { z } from 'zod';
import { fail, failure, type Failure } from '../../domain/errors.js';
import { broughtBy, from, ownBytes, ownProblems, pinned } from '../../operations/own-files.js';
import { readField, withField } from '../../operations/json-pointer.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const object = z.strictObject({
  apiVersion: z.string().min(1).describe('`v1`, `admissionregistration.k8s.io/v1`.'),
  kind: z.string().min(1).describe('`Secret`, `ValidatingWebhookConfiguration`.'),
  namespace: z.string().optional().describe('Left out where the object is in none.'),
  name: z.string().min(1),
  field: z
    .string()
    .regex(/^(\/[^/]+)+$/, 'write a JSON pointer, "/data/tls.crt"')
    .describe('JSON pointer of the value.'),
  from,
  content: pinned.optional(),
});

const params = z.strictObject({ objects: z.array(object).min(1).max(100).describe('What is put where, in this order.') });

type Params = z.infer<typeof params>;
type Entry = z.infer<typeof object>;

export const putObjects: StepKind<Params> = {
  name: 'put-objects',
  targets: 'cluster',
  params,
  effects: () => [],

  filesOf: (p) => p.objects.map((one) => one.from),
  pinned: (p, contents) => ({ objects: p.objects.map((one) => ({ ...one, content: contents.get(one.from) ?? one.content })) }),
  brought: (p) => broughtBy(p.objects),

  changes: (p) => p.objects.map((one) => ({ type: 'put' as const, place: placeOf(one), content: one.content?.holds ?? [] })),

  async preflight(site, p) {
    const failures: Failure[] = ownProblems(site, p.objects);
    for (const one of p.objects) if ((await read(site, one)) === undefined) failures.push(missing(one));
    return failures;
  },

  async checkpoint(site, p) {
    const objects = [];
    // The value alone: a Secret has others, which are none of this step's business.
    for (const one of p.objects) objects.push({ ...refOf(one), object: { value: readField(await read(site, one), one.field) ?? null } });
    return { files: [], objects, notes: {} };
  },

  async apply(site, p) {
    for (const one of p.objects) {
      const seen = await read(site, one);
      if (seen === undefined) return fail('file-missing', missing(one));
      await put(site, one, seen, wanted(site, one));
    }
  },

  async inspect(site, p): Promise<Inspection> {
    const late = await differing(site, p);
    return late.length === 0 ? 'present' : late.length === p.objects.length ? 'absent' : 'partial';
  },

  async verify(site, p): Promise<Failure[]> {
    return (await differing(site, p)).map((one) =>
      failure('file-changed', {
        target: placeOf(one),
        summary: 'it does not hold what was put there',
        cause: 'a controller, an operator or GitOps writes it from another source',
        nextAction: 'Change the source, then run "rotate-ca resume".',
      }),
    );
  },

  async undo(site, p, checkpoint) {
    for (const [index, one] of p.objects.entries()) {
      const before = (checkpoint.objects[index]?.object as { value?: unknown } | undefined)?.value ?? undefined;
      const now = await read(site, one);
      if (now !== undefined) await put(site, one, now, before);
    }
  },
};

/** As the trust graph names it. */
function placeOf({ kind, namespace, name, field }: Entry): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name} ${field}`;
}

function refOf({ apiVersion, kind, namespace, name }: Entry): { apiVersion: string; kind: string; name: string; namespace?: string } {
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

function read(site: Site, one: Entry): Promise<KubeObject | undefined> {
  return site.access.kube().read(refOf(one), limitsOf(site, 10_000));
}

async function put(site: Site, one: Entry, seen: KubeObject, value: unknown): Promise<void> {
  if (readField(seen, one.field) === value) return;
  await site.access.kube().replace(withField(seen, one.field, value) as KubeObject, limitsOf(site, 10_000));
}

/** Bytes are base64 in JSON: values of a Secret, and every caBundle. */
function wanted(site: Site, one: Entry): string {
  const bytes = ownBytes(site, one).reveal();
  const isBytes = (one.kind === 'Secret' && one.field.startsWith('/data/')) || one.field.startsWith('/binaryData/') || one.field.endsWith('/caBundle');
  return bytes.toString(isBytes ? 'base64' : 'utf8');
}

async function differing(site: Site, p: Params): Promise<Entry[]> {
  const late: Entry[] = [];
  for (const one of p.objects) if (readField(await read(site, one), one.field) !== wanted(site, one)) late.push(one);
  return late;
}

function missing(one: Entry): Failure {
  return failure('file-missing', {
    target: placeOf(one),
    summary: 'the object is not there',
    nextAction: 'Make it, or correct the playbook, then run "rotate-ca resume".',
  });
}
