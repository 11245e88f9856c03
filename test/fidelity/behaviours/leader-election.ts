/** Leases of kube-controller-manager and kube-scheduler. */

import type { Behaviour } from '../behaviour.js';
import { leaderOf, mustAllBeCalm, mustBeLed } from '../components.js';
import { mustBecome, until } from '../until.js';
import { callMs, type World } from '../world.js';

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly leaseTransitions?: number;
  readonly renewTime?: string;
  readonly acquireTime?: string;
}

const kcm = 'kube-controller-manager';

async function spec(world: World, name: string): Promise<LeaseSpec> {
  return ((await world.kube.read({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name }, { deadlineMs: callMs }))?.spec ?? {}) as LeaseSpec;
}

export const leaderElection: readonly Behaviour[] = [
  {
    id: 'lease-form',
    rule: '2.1, 6.20: identity is host_uuid, 15 s, renewed every 2 s; operations/leases',
    title: 'The lease of a leader names node and process, is renewed every two seconds or so, and lasts 15',
    area: 'controllers',
    disturbs: 'nothing',
    expected: { manager: 'NODE_UUID', scheduler: 'NODE_UUID', seconds: 15, renewed: true, microseconds: true },
    async run(world) {
      const form = (identity = ''): string => {
        const node = world.nodes.find(({ name }) => identity.startsWith(`${name}_`))?.name ?? '?';
        return identity.replace(node, 'NODE').replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/, 'UUID');
      };
      await mustBeLed(world, kcm);
      const first = await spec(world, kcm);
      const second = await until(
        world,
        6_000,
        () => spec(world, kcm),
        ({ renewTime }) => renewTime !== first.renewTime,
      );
      return {
        manager: form(first.holderIdentity),
        scheduler: form((await spec(world, 'kube-scheduler')).holderIdentity),
        seconds: first.leaseDurationSeconds ?? 0,
        renewed: second.renewTime !== first.renewTime,
        microseconds: /\.\d{6}Z$/.test(first.renewTime ?? ''),
      };
    },
  },
  {
    id: 'lease-released-is-taken',
    rule: '6.20; decision 0006: an empty holder is taken at the next retry',
    title: 'A lease whose holder is emptied is taken by somebody within seconds, not after 15, and counted as a transition',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { taken: true, within8s: true, transitions: 1 },
    async run(world, undo) {
      await mustAllBeCalm(world, kcm);
      undo.add('all controller managers are calm', () => mustAllBeCalm(world, kcm));
      // It lost its lease, so it ends; the kubelet makes it anew.
      const before = await spec(world, kcm);
      await world.kube.patch(
        { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name: kcm },
        { spec: { holderIdentity: '', leaseDurationSeconds: 1 } },
        { deadlineMs: callMs },
      );
      const emptiedAtMs = Date.now();
      const after = await until(
        world,
        30_000,
        () => spec(world, kcm),
        ({ holderIdentity }) => (holderIdentity ?? '') !== '',
      );
      // As whoever took it says: when it was seen by us is the machine's affair.
      const took = Date.parse(after.acquireTime ?? '') - emptiedAtMs;
      await mustBecome(
        world,
        'it is renewed',
        30_000,
        () => leaderOf(world, kcm),
        ({ renewedAtMs }) => renewedAtMs > Date.parse(after.renewTime ?? ''),
      );
      return { taken: (after.holderIdentity ?? '') !== '', within8s: took < world.patience(8_000), transitions: (after.leaseTransitions ?? 0) - (before.leaseTransitions ?? 0) };
    },
  },
];
