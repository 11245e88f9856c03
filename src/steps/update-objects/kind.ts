/** update-objects: cluster-info, and every other object that holds the outgoing CA and that nobody else rewrites. */

import { z } from 'zod';
import type { Inventory, ObjectRecord } from '../../domain/cluster/inventory.js';
import { readKubeconfig, withCaData } from '../../domain/cluster/kubeconfig.js';
import { failure, failuresOf, type Failure } from '../../domain/errors.js';
import { outgoingOf } from '../../domain/trust/outgoing.js';
import { objectPlace } from '../../domain/trust/names.js';
import { bundlePem, caPem, fingerprintOf } from '../../operations/trust-bundles.js';
import { trusts } from '../../operations/trust-params.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';
import { readField, withField } from '../../operations/json-pointer.js';

const params = z.strictObject({ trusts });

type Params = z.infer<typeof params>;

export const updateObjects: StepKind<Params> = {
  name: 'update-objects',
  targets: 'cluster',
  params,
  effects: (p) => [{ type: 'trusts', verifier: 'objects', cas: p.trusts }],

  changes: (p, { inventory }) =>
    holding(inventory, new Set([outgoingOf(inventory)?.fingerprint ?? ''])).map((record) => ({ type: 'trust', place: objectPlace(record), cas: p.trusts }) as const),

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    const objects = [];
    for (const record of records(site)) {
      objects.push({ ...refOf(record), object: await site.access.kube().read(refOf(record), limitsOf(site, 10_000)) });
    }
    return { files: [], objects, notes: {} };
  },

  async apply(site, p) {
    for (const record of records(site)) {
      const object = await site.access.kube().read(refOf(record), limitsOf(site, 10_000));
      const value = object === undefined ? undefined : readField(object, record.field);
      if (object === undefined || typeof value !== 'string') continue;
      const wanted = rewritten(site, p, record, value);
      if (wanted === value) continue;
      await site.access.kube().replace(withField(object, record.field, wanted) as KubeObject, limitsOf(site, 10_000));
      site.tell(`${record.kind} ${record.namespace === '' ? '' : `${record.namespace}/`}${record.name} ${record.field}: trusts ${p.trusts.join(' + ')}`);
    }
  },

  async inspect(site, p): Promise<Inspection> {
    const late = await notYet(site, p);
    return late.length === 0 ? 'present' : late.length === records(site).length ? 'absent' : 'partial';
  },

  async verify(site, p): Promise<Failure[]> {
    return (await notYet(site, p)).map((record) =>
      failure('file-changed', {
        target: `${record.kind} ${record.namespace}/${record.name}`,
        summary: `${record.field} does not hold what was written`,
        cause: 'a controller, an operator or GitOps writes it from another source',
        nextAction: 'Change the source, then run "rotate-ca resume".',
      }),
    );
  },

  async undo(site, _p, checkpoint) {
    for (const record of records(site)) {
      const saved = checkpoint.objects.find((o) => o.kind === record.kind && o.name === record.name && (o.namespace ?? '') === record.namespace);
      const before = saved?.object === undefined ? undefined : readField(saved.object, record.field);
      const now = await site.access.kube().read(refOf(record), limitsOf(site, 10_000));
      if (now === undefined || typeof before !== 'string' || readField(now, record.field) === before) continue;
      await site.access.kube().replace(withField(now, record.field, before) as KubeObject, limitsOf(site, 10_000));
    }
  },
};

function records(site: Site): ObjectRecord[] {
  return holding(site.inventory, new Set((['outgoing', 'incoming'] as const).map((name) => fingerprintOf(caPem(site, name)))));
}

/** What kube-controller-manager and the API servers write follows them; Secrets with a leaf are the business of their issuer. */
function holding(inventory: Inventory, ours: ReadonlySet<string>): ObjectRecord[] {
  return inventory.objects.filter((o) => (o.writer === 'none' || o.writer === 'kubeadm') && o.certificates.some((c) => ours.has(c.fingerprint)));
}

function refOf(record: ObjectRecord): { apiVersion: string; kind: string; name: string; namespace?: string } {
  const { apiVersion, kind, name, namespace } = record;
  return namespace === '' ? { apiVersion, kind, name } : { apiVersion, kind, name, namespace };
}

async function notYet(site: Site, p: Params): Promise<ObjectRecord[]> {
  const late: ObjectRecord[] = [];
  for (const record of records(site)) {
    const object = await site.access.kube().read(refOf(record), limitsOf(site, 10_000));
    const value = object === undefined ? undefined : readField(object, record.field);
    if (typeof value === 'string' && rewritten(site, p, record, value) !== value) late.push(record);
  }
  return late;
}

/** The run's CAs replaced by those to be trusted, where the first of them stood; other certificates stay. What needs no change is given back as it is. */
function rewritten(site: Site, p: Params, record: ObjectRecord, value: string): string {
  // Values under a Secret's /data, and binary ones of a ConfigMap, are base64 of what the record speaks of.
  const isWrapped = (record.kind === 'Secret' && record.field.startsWith('/data/')) || record.field.startsWith('/binaryData/');
  return isWrapped ? inside(value, (text) => exchangedText(site, p, text)) : exchangedText(site, p, value);
}

/** PEM, base64 of PEM, a kubeconfig, or any text in which one of them stands. */
function exchangedText(site: Site, p: Params, text: string): string {
  if (text.includes('-----BEGIN CERTIFICATE-----')) return exchanged(site, p, text);
  if (/^[A-Za-z0-9+/=\s]+$/.test(text)) return inside(text, (pem) => exchanged(site, p, pem));
  return exchangedKubeconfig(site, p, text).replace(/LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t[A-Za-z0-9+/]*={0,2}/g, (run) => inside(run, (pem) => exchanged(site, p, pem)));
}

function inside(text: string, change: (decoded: string) => string): string {
  const before = decode(text);
  const after = change(before);
  return after === before ? text : encode(after);
}

/** The current context of a kubeconfig, however its base64 is laid out. Text that is none is given back. */
function exchangedKubeconfig(site: Site, p: Params, text: string): string {
  try {
    const ca = readKubeconfig(text, 'object').caPem ?? '';
    const wanted = exchanged(site, p, ca);
    return wanted === ca ? text : withCaData(text, wanted);
  } catch (error) {
    if (failuresOf(error) === undefined) throw error;
    return text;
  }
}

function exchanged(site: Site, p: Params, pem: string): string {
  const ours = new Set((['outgoing', 'incoming'] as const).map((name) => fingerprintOf(caPem(site, name))));
  const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;
  const isOurs = (b: string): boolean => ours.has(printOf(b));
  const present = (pem.match(block) ?? []).filter(isOurs).map(printOf);
  const wanted = p.trusts.map((name) => fingerprintOf(caPem(site, name)));
  if (present.length === 0 || (present.length === wanted.length && wanted.every((f, i) => present[i] === f))) return pem;
  let placed = false;
  return pem.replace(block, (b) => {
    if (!isOurs(b)) return b;
    if (placed) return '';
    placed = true;
    return bundlePem(site, p.trusts);
  });
}

/** Empty for a block that is no certificate: it is not ours, and stays. */
function printOf(pem: string): string {
  try {
    return fingerprintOf(pem);
  } catch {
    return '';
  }
}

const decode = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
const encode = (text: string): string => Buffer.from(text).toString('base64');
