/** update-objects: cluster-info, and every other object that holds the outgoing CA and that nobody else rewrites. */

import { z } from 'zod';
import type { ObjectRecord } from '../../domain/cluster/inventory.js';
import { readKubeconfig, withCaData } from '../../domain/cluster/kubeconfig.js';
import { failure, type Failure } from '../../domain/errors.js';
import { bundlePem, caPem, fingerprintOf } from '../../operations/trust-bundles.js';
import { trusts } from '../../operations/trust-params.js';
import { msLeft } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';
import { readField, withField } from './json-pointer.js';

const params = z.strictObject({ trusts });

type Params = z.infer<typeof params>;

export const updateObjects: StepKind<Params> = {
  name: 'update-objects',
  targets: 'cluster',
  params,
  effects: (p) => [{ type: 'trusts', verifier: 'objects', cas: p.trusts }],

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    const objects = [];
    for (const record of records(site)) {
      objects.push({ ...refOf(record), object: await site.access.kube().read(refOf(record), call(site)) });
    }
    return { files: [], objects, notes: {} };
  },

  async apply(site, p) {
    for (const record of records(site)) {
      const object = await site.access.kube().read(refOf(record), call(site));
      const value = object === undefined ? undefined : readField(object, record.field);
      if (object === undefined || typeof value !== 'string') continue;
      const wanted = rewritten(site, p, record, value);
      if (wanted === value) continue;
      await site.access.kube().replace(withField(object, record.field, wanted) as KubeObject, call(site));
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
      const now = await site.access.kube().read(refOf(record), call(site));
      if (now === undefined || typeof before !== 'string' || readField(now, record.field) === before) continue;
      await site.access.kube().replace(withField(now, record.field, before) as KubeObject, call(site));
    }
  },
};

/** What kube-controller-manager and the API servers write follows them; Secrets with a leaf are the business of their issuer. */
function records(site: Site): ObjectRecord[] {
  const ours = new Set((['outgoing', 'incoming'] as const).map((name) => fingerprintOf(caPem(site, name))));
  return site.inventory.objects.filter((o) => (o.writer === 'none' || o.writer === 'kubeadm') && o.certificates.some((c) => ours.has(c.fingerprint)));
}

function refOf(record: ObjectRecord): { apiVersion: string; kind: string; name: string; namespace?: string } {
  const { apiVersion, kind, name, namespace } = record;
  return namespace === '' ? { apiVersion, kind, name } : { apiVersion, kind, name, namespace };
}

async function notYet(site: Site, p: Params): Promise<ObjectRecord[]> {
  const late: ObjectRecord[] = [];
  for (const record of records(site)) {
    const object = await site.access.kube().read(refOf(record), call(site));
    const value = object === undefined ? undefined : readField(object, record.field);
    if (typeof value === 'string' && rewritten(site, p, record, value) !== value) late.push(record);
  }
  return late;
}

/** The run's CAs replaced by those to be trusted, where the first of them stood; other certificates stay. */
function rewritten(site: Site, p: Params, record: ObjectRecord, value: string): string {
  // Values under a Secret's /data are base64 once more than the record's own encoding says.
  const outer = record.kind === 'Secret' && record.field.startsWith('/data/');
  const text = outer ? decode(value) : value;
  const inner = record.encoding === 'base64-pem' && !outer ? encode(exchanged(site, p, decode(text))) : record.encoding === 'kubeconfig' ? exchangedKubeconfig(site, p, text) : exchanged(site, p, text);
  return outer ? encode(inner) : inner;
}

function exchangedKubeconfig(site: Site, p: Params, text: string): string {
  const ca = readKubeconfig(text, 'object').caPem;
  return ca === undefined ? text : withCaData(text, exchanged(site, p, ca));
}

function exchanged(site: Site, p: Params, pem: string): string {
  const ours = new Set((['outgoing', 'incoming'] as const).map((name) => fingerprintOf(caPem(site, name))));
  const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;
  const present = (pem.match(block) ?? []).filter((b) => ours.has(fingerprintOf(b))).map(fingerprintOf);
  const wanted = p.trusts.map((name) => fingerprintOf(caPem(site, name)));
  if (present.length === 0 || (present.length === wanted.length && wanted.every((f, i) => present[i] === f))) return pem;
  let placed = false;
  return pem.replace(block, (b) => {
    if (!ours.has(fingerprintOf(b))) return b;
    if (placed) return '';
    placed = true;
    return bundlePem(site, p.trusts);
  });
}

const decode = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
const encode = (text: string): string => Buffer.from(text).toString('base64');

function call(site: Site): { deadlineMs: number; signal: AbortSignal } {
  return { deadlineMs: msLeft(site, 10_000), signal: site.signal };
}
