/** The digest of a plan, canonical JSON and its SHA-256: what an approval approves, and what a saved plan is known by when it is read again. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { FileRecord, Inventory, NodeRecord } from '../cluster/inventory.js';
import { fail } from '../errors.js';
import type { Plan } from './plan.js';

/** Where kubelets keep the leaves that they renew by themselves. */
const kubeletPki = '/var/lib/kubelet/pki/';

/**
 * SHA-256, lower-case hex, over what matters for trust: the playbook's digest, steps, dropped steps, settings, and of the inventory
 * the cluster, nodes, how they are reached, versions, flags, and fingerprints of certificates and keys by place.
 *
 * Not in it, because a rotation soaks for days and none of it changes what is safe: times (createdAt, takenAt, of files and starts), the plan's name and
 * tool, stateDir, bytes, modes and owners of files, and which namespaces and token Secrets there are (of what
 * kube-controller-manager writes, only the set of CAs counts), what a full scan saw beside them. A kubelet renews its leaves by itself: of those only the issuer counts.
 */
export function digestOf(plan: Omit<Plan, 'digest'>): string {
  const { stateDir: _, ...settings } = plan.settings;
  const steps = [...plan.steps];
  return sha256(
    canonicalJson({ apiVersion: plan.apiVersion, playbook: plan.playbook.sha256, settings, steps, dropped: plan.dropped, accepted: plan.accepted, trust: trustOf(plan.inventory) }),
  );
}

/** JSON with sorted keys and without undefined: equal data, equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    return `{${fields
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`)
      .join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

function trustOf(inventory: Inventory): unknown {
  const published = inventory.objects.filter(({ writer }) => writer === 'kube-controller-manager');
  return {
    cluster: inventory.cluster,
    nodes: inventory.nodes.map(nodeTrust).sort(byText),
    objects: inventory.objects
      .filter(({ writer }) => writer !== 'kube-controller-manager')
      .map(({ certificates, ...ref }) => ({ ...ref, certificates: certificates.map(({ fingerprint }) => fingerprint) }))
      .sort(byText),
    published: [...new Set(published.flatMap(({ certificates }) => certificates.map(({ fingerprint }) => fingerprint)))].sort(),
  };
}

function nodeTrust(node: NodeRecord): unknown {
  return {
    name: node.name,
    roles: [...node.roles].sort(),
    host: node.host,
    internalIp: node.internalIp,
    kubeletVersion: node.kubeletVersion,
    components: node.components.map(({ startedAtMs: _, presents: __, ...component }) => component).sort(byText),
    files: node.files.flatMap(fileTrust).sort(byText),
  };
}

function fileTrust(file: FileRecord): unknown[] {
  if (file.path.startsWith(kubeletPki)) {
    // kubelet-client-2026-11-23-....pem: a new name at each renewal; the link kubelet-client-current.pem stands for them.
    if (/-\d{4}-\d{2}-\d{2}-/.test(file.path)) return [];
    return [{ path: file.path, kind: file.kind, issuedBy: file.certificates.map(({ issuer, aki }) => [issuer, aki]) }];
  }
  return [
    {
      path: file.path,
      kind: file.kind,
      certificates: file.certificates.map(({ fingerprint }) => fingerprint),
      client: file.client?.fingerprint,
      server: file.server,
      keySpki: file.keySpki,
      linkTo: file.linkTo,
      refs: file.refs,
    },
  ];
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [canonicalJson(a), canonicalJson(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

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
const node = z.looseObject({
  name: text,
  roles: z.array(z.enum(['control-plane', 'worker'])),
  host: z.looseObject({ name: text, sshHost: text }),
  files: records,
  components: records,
});

const planSchema = z.strictObject({
  apiVersion: z.literal('rotate-ca/v1'),
  kind: z.literal('Plan'),
  name: text.min(1),
  createdAt: text,
  tool: text,
  playbook: z.strictObject({ file: text, sha256: text }),
  settings: z.looseObject({
    inventoryFile: text,
    kubeconfig: text,
    context: text,
    vault: z.looseObject({ address: text, mount: text }),
    recipients: z.array(text),
    identityFile: text,
    stateDir: text,
  }),
  inventory: z.looseObject({ takenAt: text, cluster: z.looseObject({ uid: text, server: text, version: text }), nodes: z.array(node), objects: records }),
  steps: z.array(step),
  dropped: z.array(z.strictObject({ name: text, kind: text, why: text })),
  accepted: z.array(text).optional(),
  digest: text.regex(/^[0-9a-f]{64}$/),
});

const again = 'Make it again with "rotate-ca plan".';

/** Throws RotationError plan-invalid. Of what is outside of the digest (times, stateDir, bytes of files) an edit is not seen: it changes nothing that is approved. */
export function readPlan(json: string, file: string): Plan {
  const data = parse(json, file);
  const head = z.looseObject({ apiVersion: z.unknown(), kind: z.unknown() }).safeParse(data);
  if (!head.success || head.data.kind !== 'Plan')
    return fail('plan-invalid', { target: file, summary: 'this is not a plan', cause: 'it has no kind "Plan"', nextAction: `Give the file that "rotate-ca plan" wrote.` });
  if (head.data.apiVersion !== 'rotate-ca/v1') {
    return fail('plan-invalid', {
      target: file,
      summary: 'the plan is of another version',
      cause: `its apiVersion is ${JSON.stringify(head.data.apiVersion)}, this program reads "rotate-ca/v1"`,
      nextAction: again,
    });
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
