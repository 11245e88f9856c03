/** restart-units: one component, a unit or a pod on the host's network, on all its nodes together. In a playbook it stands twice: for the way forward behind put-in-place, for the way back before it. */

import { z } from 'zod';
import type { FileRecord } from '../../domain/cluster/inventory.js';
import { seemsIssuedBy } from '../../domain/pki/certificate.js';
import { RotationError } from '../../domain/errors.js';
import type { TrustEffect } from '../../domain/trust/effects.js';
import { componentId, enginePlaces } from '../../domain/trust/names.js';
import { nodeOf } from '../../operations/identity-probe.js';
import { materialFor, ownServingPair } from '../../operations/incoming-files.js';
import { restoreFiles, saveFiles } from '../../operations/node-files.js';
import { nothingToKeep } from '../../operations/reads-only.js';
import { proofOf } from '../../operations/unit-proofs.js';
import { hasUnit, isActive, restartUnit, runsWithDisk, stillRuns, stopUnit, unitComponents, waitForUnit } from '../../operations/units.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Inspection, Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  component: z.enum(unitComponents).describe('Which of the components that systemd, or a kubelet on the host network, runs.'),
  on: z.enum(['forward', 'back']).default('forward').describe('On which way it is restarted; on the other one the step does nothing.'),
  leave: z
    .enum(['running', 'stopped'])
    .default('running')
    .describe(
      'stopped: it is ended and stays so until a later step restarts it. API servers are killed at once: while they cannot be used they only hold up the members that they ask.',
    ),
  renewServingPair: z.boolean().default(false).describe('Of kubelets: remove the serving pair that they made themselves, so that they make another at their start.'),
});

type Params = z.infer<typeof params>;

const effectsOf: Partial<Record<Params['component'], readonly TrustEffect[]>> = {
  etcd: [{ type: 'trusts', verifier: 'etcd', cas: ['incoming'] }],
  'kube-apiserver': [{ type: 'presents', presenter: 'engine', ca: 'incoming' }],
  kubelet: [
    { type: 'trusts', verifier: 'kubelets', cas: ['incoming'] },
    { type: 'presents', presenter: 'kubelets', ca: 'incoming' },
  ],
};

export const restartUnits: StepKind<Params> = {
  name: 'restart-units',
  targets: 'nodes',
  params,
  // A pod of the API cannot be kept stopped: it is ended when it is restarted.
  concerns: ({ component, leave }, node) => hasUnit(node, component, leave === 'stopped' ? 'stopped' : 'restarted'),
  takesApiAway: ({ component, on }) => (component === 'etcd' || component === 'kube-apiserver' ? [on] : []),
  effects: ({ component, on, leave }) => (on === 'back' || leave === 'stopped' ? [] : (effectsOf[component] ?? [])),

  changes: ({ component, on, leave }, { target }) =>
    on === 'back' || leave === 'stopped'
      ? []
      : [
          { type: 'restart', process: componentId(component, target) },
          // From then on only the incoming CA opens the API.
          ...(component === 'kube-apiserver' ? [{ type: 'leaf', place: enginePlaces.client, ca: 'incoming' } as const] : []),
        ],

  async preflight() {
    return [];
  },

  async checkpoint(site, p) {
    if (!renews(site, p)) return nothingToKeep;
    return { files: await saveFiles(site.shell, ownServingPair, limitsOf(site, 30_000)), objects: [], notes: {} };
  },

  async apply(site, p) {
    if (p.on === 'back') return;
    if (p.leave === 'stopped') return stopUnit(site, p.component);
    const isDone = (await runsWithDisk(site, p.component)).answer === true;
    if (!isDone && renews(site, p)) await site.shell.must(`rm -f ${ownServingPair.map((path) => `'${path}'`).join(' ')}`, limitsOf(site, 20_000));
    await restartUnit(site, p.component);
  },

  async inspect(site, p): Promise<Inspection> {
    if (p.on === 'back') return 'present';
    if (p.leave === 'stopped') return (await isActive(site, p.component)) ? 'absent' : 'present';
    return (await runsWithDisk(site, p.component)).answer === true ? 'present' : 'partial';
  },

  async verify(site, p) {
    if (p.on === 'back') return [];
    return p.leave === 'stopped' ? stillRuns(site, p.component) : waitForUnit(site, p.component, proofOf(site, p.component, 'incoming'));
  },

  async undo(site, p, checkpoint) {
    if (p.on === 'forward') {
      // The files alone: it restarts where its step for the way back stands, when those of put-in-place are back too.
      await restoreFiles(site.shell, checkpoint.files, limitsOf(site, 30_000));
      return;
    }
    if (p.leave === 'stopped') {
      // One that runs with what is on disk has not to be restarted either.
      if ((await runsWithDisk(site, p.component)).answer !== true) await stopUnit(site, p.component);
      return;
    }
    await restartUnit(site, p.component);
    const failures = await waitForUnit(site, p.component, proofOf(site, p.component, 'outgoing'));
    if (failures.length > 0) throw new RotationError(failures);
  },
};

/** Only a pair that the kubelet made for itself: one that the CA issued, or somebody else, is not its own to make anew. */
function renews(site: Site, { component, renewServingPair }: Params): boolean {
  if (component !== 'kubelet' || !renewServingPair) return false;
  const file: FileRecord | undefined = nodeOf(site).files.find(({ path }) => path === ownServingPair[0]);
  const [leaf, ca] = file?.certificates ?? [];
  return leaf !== undefined && ca !== undefined && !seemsIssuedBy(leaf, materialFor(site.inventory).ca) && seemsIssuedBy(leaf, ca);
}
