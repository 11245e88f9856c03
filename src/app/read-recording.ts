/** Reads the inventory of a cluster from a plan file, or from a file that holds an inventory alone. It must never hold a private key. */

import { isMap, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import type { Inventory } from '../domain/cluster/inventory.js';
import { type ErrorCode, fail } from '../domain/errors.js';
import { readPlan } from '../domain/plan/digest.js';
import { findSecret, findSecretIn } from '../domain/redact.js';
import { jsonErrorAt } from './json-error.js';

const text = z.string();
const keyType = z.enum(['rsa-2048', 'rsa-3072', 'rsa-4096', 'ecdsa-p256', 'ecdsa-p384', 'ed25519', 'other']);
const certificate = z.looseObject({
  fingerprint: text,
  subject: text,
  issuer: text,
  notBeforeMs: z.number(),
  notAfterMs: z.number(),
  keyType,
  sans: z.array(text),
});
const file = z.looseObject({
  path: text,
  kind: z.enum(['bundle', 'leaf', 'kubeconfig', 'manifest', 'key', 'config']),
  certificates: z.array(certificate),
  client: certificate.optional(),
});
const component = z.looseObject({
  name: z.enum(['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'etcd', 'kubelet', 'kube-proxy', 'flanneld']),
  flags: z.record(text, text),
});
const node = z.looseObject({
  name: text.min(1),
  roles: z.array(z.enum(['control-plane', 'worker'])),
  internalIp: text,
  kubeletVersion: text,
  files: z.array(file),
  components: z.array(component),
  tools: z.looseObject({ openssl: z.boolean(), ctr: z.boolean(), crictl: z.boolean(), kubeadm: z.boolean() }),
});
const object = z.looseObject({
  apiVersion: text,
  kind: text,
  namespace: text,
  name: text,
  field: text,
  encoding: z.enum(['pem', 'base64-pem', 'kubeconfig']),
  certificates: z.array(certificate),
  writer: z.enum(['kube-controller-manager', 'kube-apiserver', 'kubeadm', 'none']),
});
const workload = z.looseObject({
  kind: z.enum(['DaemonSet', 'Deployment', 'StatefulSet']),
  namespace: text.min(1),
  name: text.min(1),
  replicas: z.int().min(0),
  priorityClass: z.looseObject({ name: text.min(1), value: z.int() }).optional(),
});
const pod = z.looseObject({ namespace: text, name: text, node: text, startedAtMs: z.number(), mounts: z.array(text), token: z.enum(['bound', 'legacy', 'none']) });
const called = z.looseObject({ kind: text, name: text, field: text, host: text, isUnverified: z.boolean() });
const token = z.looseObject({ place: text, kid: text });
const unseen = z.looseObject({ place: text, why: text });
const inventory = z.looseObject({
  apiVersion: z.literal('rotate-ca/v1'),
  cluster: z.looseObject({ uid: text, server: z.url(), version: text }),
  nodes: z.array(node).min(1),
  objects: z.array(object),
  workloads: z.array(workload).optional(),
  certificates: z.record(text, text).optional(),
  pods: z.array(pod).optional(),
  called: z.array(called).optional(),
  tokens: z.array(token).optional(),
  unseen: z.array(unseen).optional(),
  findings: z.array(z.looseObject({ code: text, place: text, meaning: text })).optional(),
});

const again = 'Make it again with "rotate-ca plan --out plan.json", then give --from plan.json.';

/** Throws plan-invalid or inventory-invalid with `file:line:column`: no JSON, another version, a private key in it, something missing. */
export function readRecording(json: string, name: string): Inventory {
  const code: ErrorCode = /"kind":\s*"Inventory"/.test(json) && !/"kind":\s*"Plan"/.test(json) ? 'inventory-invalid' : 'plan-invalid';
  refuseSecrets(json, name, code);
  const data = parse(json, name, code);
  refuseHiddenSecrets(data, json, { name, code });
  const { kind, apiVersion } = (data ?? {}) as { readonly kind?: unknown; readonly apiVersion?: unknown };
  if (kind !== 'Plan' && kind !== 'Inventory') {
    return fail(code, {
      target: at(name, json, 0),
      summary: 'this is neither a plan nor an inventory',
      cause: `its kind is ${JSON.stringify(kind) ?? 'missing'}`,
      nextAction: again,
    });
  }
  if (apiVersion !== 'rotate-ca/v1') {
    const cause = `its apiVersion is ${JSON.stringify(apiVersion) ?? 'missing'}, this program reads "rotate-ca/v1"`;
    return fail(code, { target: at(name, json, Math.max(0, json.indexOf('"apiVersion"'))), summary: 'the file is of another version', cause, nextAction: again });
  }
  const found = kind === 'Plan' ? (data as { readonly inventory?: unknown }).inventory : data;
  const read = inventory.safeParse(found);
  if (!read.success) {
    const [issue] = read.error.issues;
    const path = [...(kind === 'Plan' ? ['inventory'] : []), ...(issue?.path ?? [])];
    return fail(code, {
      target: at(name, json, offsetOf(json, path)),
      summary: 'the recording of the cluster is damaged',
      cause: `${path.map(String).join('.')}: ${issue?.message ?? ''}`,
      nextAction: again,
    });
  }
  // An edited plan is refused here as "run" would refuse it.
  return kind === 'Plan' ? readPlan(json, name).inventory : (data as Inventory);
}

/** What only shows when the JSON is read (a key with escaped characters), or when base64 is decoded (a key behind a certificate). */
function refuseHiddenSecrets(data: unknown, json: string, at: { readonly name: string; readonly code: ErrorCode }): void {
  const found = findSecretIn(data) ?? findEncodedKey(data);
  if (found === undefined) return;
  const path = found.pointer.split('/').slice(1);
  const before = json.slice(0, offsetOf(json, path)).split('\n');
  refuse(found.kind, `${at.name}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`, at.code);
}

const base64Run = /[A-Za-z0-9+/\s]{64,}={0,2}/g;

function findEncodedKey(value: unknown, pointer = ''): { readonly pointer: string; readonly kind: string } | undefined {
  if (typeof value === 'string')
    return [...value.matchAll(base64Run)].some(([run]) => Buffer.from(run, 'base64').includes('PRIVATE KEY-----')) ? { pointer, kind: 'base64 of a PEM private key' } : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = findEncodedKey(inner, `${pointer}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The text of it is not quoted, whatever it is. */
function refuseSecrets(json: string, name: string, code: ErrorCode): void {
  const kind = findSecret(json);
  if (kind === undefined) return;
  const lines = json.split('\n');
  const line = lines.findIndex((one) => findSecret(one) !== undefined);
  // Keys of several lines begin where the first line of one stands.
  const start =
    line >= 0
      ? line
      : Math.max(
          0,
          lines.findIndex((one) => one.includes('PRIVATE KEY')),
        );
  const column = Math.max(0, (lines[start] ?? '').search(/-----BEGIN|LS0tLS1CRUdJTi|client-key-data|AGE-SECRET|hv[sbr]\.|eyJ/)) + 1;
  refuse(kind, `${name}:${start + 1}:${column}`, code);
}

function refuse(kind: string, target: string, code: ErrorCode): never {
  fail(code, {
    target,
    summary: `the file holds a secret (${kind})`,
    cause: 'a plan never holds one: somebody has added it, or another file was given',
    nextAction: `Delete the file where it does not belong, replace the key if others could read it, and make the plan again with "rotate-ca plan --out plan.json".`,
  });
}

function parse(json: string, name: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    const offset = jsonErrorAt(json) ?? json.length;
    const isCut = offset >= json.length;
    return fail(code, {
      target: at(name, json, offset),
      summary: isCut ? 'the file is truncated' : 'the file is not JSON',
      cause: isCut ? 'it ends in the middle' : 'this character cannot be here',
      nextAction: again,
    });
  }
}

function at(name: string, json: string, offset: number): string {
  const before = json.slice(0, offset).split('\n');
  return `${name}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

/** JSON is YAML, whose parser knows where things stand: of the value at a path, or of the nearest around it. */
function offsetOf(json: string, path: readonly PropertyKey[]): number {
  let here: unknown = parseDocument(json, { lineCounter: new LineCounter(), logLevel: 'silent' }).contents;
  let offset = 0;
  for (const part of path) {
    if (isMap(here)) here = here.get(String(part), true);
    else if (isSeq(here)) here = here.get(Number(part), true);
    else break;
    const range = (here as Node | null | undefined)?.range;
    if (range === null || range === undefined) break;
    offset = range[0];
  }
  return offset;
}
