/** set-units: stops or starts one component on all its nodes. While kube-controller-manager is stopped nobody marks nodes or evicts pods. */

import { z } from 'zod';
import { RotationError } from '../../domain/errors.js';
import { componentId } from '../../domain/trust/names.js';
import { releaseLeaseOfEnded } from '../../operations/leases.js';
import { nothingToKeep } from '../../operations/reads-only.js';
import { proofOf } from '../../operations/unit-proofs.js';
import { hasUnit, isActive, startUnit, stillRuns, stopUnit, unitComponents, waitForUnit } from '../../operations/units.js';
import { limitsOf } from '../../operations/waiting.js';
import type { Site, StepKind } from '../../ports/step-kind.js';

const params = z.strictObject({
  component: z.enum(unitComponents).describe('Which of the components that systemd, or a kubelet on the host network, runs.'),
  to: z.enum(['stopped', 'running']).describe('How it is afterwards.'),
});

type Params = z.infer<typeof params>;

export const setUnits: StepKind<Params> = {
  name: 'set-units',
  targets: 'nodes',
  params,
  concerns: ({ component }, node) => hasUnit(node, component),
  effects: ({ component, to }) =>
    component !== 'kube-controller-manager' || to === 'stopped'
      ? []
      : [
          { type: 'trusts', verifier: 'control-plane-clients', cas: ['incoming'] },
          { type: 'presents', presenter: 'control-plane-clients', ca: 'incoming' },
          { type: 'trusts', verifier: 'published', cas: ['incoming'] },
          // It signs nothing where the key is with the issuer.
          { type: 'presents', presenter: 'csr-signer', ca: 'incoming' },
        ],

  changes: ({ component, to }, { target }) => (to === 'running' ? [{ type: 'restart', process: componentId(component, target) }] : []),

  async preflight() {
    return [];
  },

  async checkpoint() {
    return nothingToKeep;
  },

  async apply(site, { component, to }) {
    await set(site, component, to);
  },

  async inspect(site, { component, to }) {
    return (await isActive(site, component)) === (to === 'running') ? 'present' : 'absent';
  },

  async verify(site, { component, to }) {
    if (to === 'running') return waitForUnit(site, component, proofOf(site, component, 'incoming'));
    return stillRuns(site, component);
  },

  async undo(site, { component, to }) {
    await set(site, component, to === 'running' ? 'stopped' : 'running');
    if (to === 'running') return;
    const failures = await waitForUnit(site, component, proofOf(site, component, 'outgoing'));
    if (failures.length > 0) throw new RotationError(failures);
  },
};

async function set(site: Site, component: Params['component'], to: Params['to']): Promise<void> {
  if (to === 'stopped') return stopUnit(site, component);
  // All instances are stopped: a new one would wait until the lease of one that is gone has run out.
  const ended = { node: site.target, endedBeforeMs: site.now(), skewMs: 5_000 };
  if (component === 'kube-controller-manager' || component === 'kube-scheduler') await releaseLeaseOfEnded(site.access.kube(), component, ended, limitsOf(site, 10_000));
  await startUnit(site, component);
}
