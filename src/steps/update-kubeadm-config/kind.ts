/** update-kubeadm-config: the flags of the split signer also where kubeadm takes them from, so that an upgrade does not put them back. */

import { z } from 'zod';
import { readControllerManagerArgs, withControllerManagerArgs } from '../../domain/cluster/kubeadm-config.js';
import { fail, failure } from '../../domain/errors.js';
import { splitSignerFlags } from '../../operations/run-files.js';
import { limitsOf } from '../../operations/waiting.js';
import type { KubeObject } from '../../ports/kube.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  signer: z.enum(['split', 'as-before']).describe('split: signer and published CA in files of their own. as-before: the flags that were there before the run.'),
});

type Params = z.infer<typeof params>;

const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' } as const;
const before = 'kubeadm-config-before.yaml';

export const updateKubeadmConfig: StepKind<Params> = {
  name: 'update-kubeadm-config',
  targets: 'cluster',
  params,
  effects: () => [],

  async preflight(site) {
    const object = await site.access.kube().read(ref, limitsOf(site, 10_000));
    if (object !== undefined && typeof textOf(object) === 'string') return [];
    return [
      failure('layout-unsupported', {
        target: 'ConfigMap kube-system/kubeadm-config',
        summary: 'there is no ClusterConfiguration',
        cause: 'the cluster was not made by kubeadm, or the ConfigMap was deleted',
        nextAction: 'Restore it with "kubeadm init phase upload-config kubeadm", or use a playbook for another layout.',
      }),
    ];
  },

  async checkpoint(site) {
    const object = await mustRead(site);
    return { files: [], objects: [{ ...ref, object }], notes: {} };
  },

  async apply(site, p) {
    const object = await mustRead(site);
    const text = textOf(object) ?? '';
    if (p.signer === 'split' && site.artefacts.get(before) === undefined) site.artefacts.put(before, text);
    const wanted = withControllerManagerArgs(text, wantedArgs(site, p));
    if (wanted !== text) await write(site, object, wanted);
  },

  async inspect(site, p) {
    const text = textOf(await mustRead(site)) ?? '';
    return withControllerManagerArgs(text, wantedArgs(site, p)) === text ? 'present' : 'absent';
  },

  async verify(site, p) {
    if ((await this.inspect(site, p)) === 'present') return [];
    return [
      failure('api-refused', {
        target: 'ConfigMap kube-system/kubeadm-config',
        summary: 'the ClusterConfiguration does not hold the flags that were written',
        cause: 'something else writes it, too',
        nextAction: 'Find out who writes it (managedFields), stop it, then run "rotate-ca resume".',
      }),
    ];
  },

  async undo(site, _p, checkpoint) {
    const saved = checkpoint.objects[0]?.object as KubeObject | undefined;
    const text = saved === undefined ? undefined : textOf(saved);
    if (text === undefined) return;
    const object = await mustRead(site);
    if (textOf(object) !== text) await write(site, object, text);
  },
};

function wantedArgs(site: Site, p: Params): Record<string, string | undefined> {
  if (p.signer === 'split') return { ...splitSignerFlags };
  const had = readControllerManagerArgs(site.artefacts.get(before) ?? '');
  return Object.fromEntries(Object.keys(splitSignerFlags).map((flag) => [flag, had[flag]]));
}

function textOf(object: KubeObject): string | undefined {
  return (object.data as Record<string, string> | undefined)?.ClusterConfiguration;
}

async function mustRead(site: Site): Promise<KubeObject> {
  const object = await site.access.kube().read(ref, limitsOf(site, 10_000));
  return (
    object ??
    fail('layout-unsupported', {
      target: 'ConfigMap kube-system/kubeadm-config',
      summary: 'it is gone',
      cause: 'it was there when the plan was made',
      nextAction: 'Restore it, then run "rotate-ca resume".',
    })
  );
}

async function write(site: Site, object: KubeObject, text: string): Promise<void> {
  await site.access.kube().replace({ ...object, data: { ...(object.data as object), ClusterConfiguration: text } }, limitsOf(site, 10_000));
}
