/** extension-trust: extension API servers and the scheduler learn the client CA from one ConfigMap, to which API servers only ever add. */

import { z } from 'zod';
import { extensionTrust as extensionObject } from '../../domain/trust/client-edges.js';
import { objectPlace } from '../../domain/trust/names.js';
import { failure } from '../../domain/errors.js';
import { caPem, fingerprintOf, type CaName } from '../../operations/trust-bundles.js';
import { trusts } from '../../operations/trust-params.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({ trusts });

type Params = z.infer<typeof params>;

const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;
const key = 'client-ca-file';

/**
 * Takes the run's CAs that are not in `trusts` out of the ConfigMap. It never adds: that the API servers do by themselves
 * (k/k pkg/controlplane/controller/clusterauthenticationtrust `combineCertLists`: union of what is there and what is loaded).
 * Before trust is widened it stands in a playbook for its undo, which takes the incoming CA out again.
 */
export const extensionTrust: StepKind<Params> = {
  name: 'extension-trust',
  targets: 'cluster',
  params,
  effects: (p) => [{ type: 'trusts', verifier: 'extension-servers', cas: p.trusts }],

  changes: (p) => [{ type: 'trust', place: objectPlace({ ...extensionObject, field: '/data/client-ca-file' }), cas: p.trusts }],

  async preflight() {
    return [];
  },

  async checkpoint(site) {
    return { files: [], objects: [{ ...ref, object: await read(site) }], notes: {} };
  },

  async apply(site, p) {
    await keepOnly(site, (name) => p.trusts.includes(name));
  },

  async inspect(site, p) {
    return (await unwanted(site, p)).length === 0 ? 'present' : 'absent';
  },

  async verify(site, p) {
    const left = await unwanted(site, p);
    if (left.length === 0) return [];
    return [
      failure('outgoing-left', {
        target: 'ConfigMap kube-system/extension-apiserver-authentication',
        summary: `it still holds the ${left.join(' and the ')} CA`,
        cause: 'an API server that has not loaded the reduced ca.crt adds it again within a minute',
        nextAction: 'Run "rotate-ca resume": the step is done again.',
      }),
    ];
  },

  async undo(site, _p, checkpoint) {
    const saved = checkpoint.objects[0]?.object as KubeObject | undefined;
    const text = (saved?.data as Record<string, string> | undefined)?.[key];
    if (text === undefined) return;
    const now = await read(site);
    if (now !== undefined && textOf(now) !== text) await write(site, now, text);
  },
};

/** PEM blocks of the ConfigMap with the run's CA that each of them is. */
function blocksOf(site: Site, text: string): { pem: string; name: CaName | undefined }[] {
  const known = (['outgoing', 'incoming'] as const).flatMap((name) =>
    site.artefacts.get(`${name}-ca.pem`) === undefined ? [] : [[fingerprintOf(caPem(site, name)), name] as const],
  );
  const names = new Map(known);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((pem) => ({ pem, name: names.get(fingerprintOf(pem)) }));
}

async function unwanted(site: Site, p: Params): Promise<CaName[]> {
  const object = await read(site);
  const names = blocksOf(site, object === undefined ? '' : textOf(object)).flatMap((b) => (b.name === undefined ? [] : [b.name]));
  return names.filter((name) => !p.trusts.includes(name));
}

async function keepOnly(site: Site, keep: (name: CaName) => boolean): Promise<void> {
  const object = await read(site);
  if (object === undefined) return;
  const blocks = blocksOf(site, textOf(object));
  const kept = blocks.filter((b) => b.name === undefined || keep(b.name));
  if (kept.length !== blocks.length) await write(site, object, kept.map((b) => `${b.pem}\n`).join(''));
}

function textOf(object: KubeObject): string {
  return (object.data as Record<string, string> | undefined)?.[key] ?? '';
}

function read(site: Site): Promise<KubeObject | undefined> {
  return site.access.kube().read(ref, limitsOf(site, 10_000));
}

async function write(site: Site, object: KubeObject, text: string): Promise<void> {
  await site.access.kube().replace({ ...object, data: { ...(object.data as object), [key]: text } }, limitsOf(site, 10_000));
}
