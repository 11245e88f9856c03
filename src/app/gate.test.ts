import { describe, expect, it } from 'vitest';
import { recordedPlan } from '../../test/support/recorded-run.js';
import type { Inventory, NodeRecord } from '../domain/cluster/inventory.js';
import type { Plan } from '../domain/plan/plan.js';
import type { Run, RunView } from '../engine/open-run.js';
import { lookAgain } from './gate.js';
import type { RunFolder } from './run-folder.js';

const plan = recordedPlan('');
const node = (name: string): NodeRecord => plan.inventory.nodes.find((n) => n.name === name) as NodeRecord;

async function look(inventory: Inventory) {
  const amended: { plan: Plan; reason: string }[] = [];
  const saved: string[] = [];
  const run = { amend: (to: Plan, { reason }: { reason: string }) => void amended.push({ plan: to, reason }) } as unknown as Run;
  const folder = { savePlan: (to: Plan) => void saved.push(to.digest) } as unknown as RunFolder;
  const view = { plan, progress: { run: 'r1' } } as unknown as RunView;
  const looked = await lookAgain({ run, view, inventory, folder, by: 'sre' }).catch((error: unknown) => error);
  return { looked, amended, saved };
}

const withNodes = (nodes: readonly NodeRecord[]): Inventory => ({ ...plan.inventory, nodes });
const targetsOf = (of: Plan | undefined, kind: string) => of?.steps.filter((s) => s.kind === kind).flatMap((s) => s.targets);

describe('a look at a gate', () => {
  it('at a cluster that is as it was amends nothing', async () => {
    expect(await look(plan.inventory)).toEqual({ looked: { differences: [] }, amended: [], saved: [] });
  });

  it('takes in a worker that has joined: every step on nodes, and none on control planes', async () => {
    const { looked, amended, saved } = await look(withNodes([...plan.inventory.nodes, { ...node('w1'), name: 'w9' }]));
    expect(looked).toEqual({ differences: ['node w9 (worker) has joined: it is taken in'] });
    const to = amended[0]?.plan;
    expect(saved).toEqual([to?.digest]);
    expect(to?.digest).not.toBe(plan.digest);
    expect(targetsOf(to, 'renew-kubelets')).toContain('w9');
    expect(targetsOf(to, 'set-server-trust')).toContain('w9');
    expect(targetsOf(to, 'switch-signer')).toEqual(targetsOf(plan, 'switch-signer'));
    expect(to?.inventory.nodes.map((n) => n.name)).toContain('w9');
  });

  it('lets a node go that has left', async () => {
    const { looked, amended } = await look(withNodes(plan.inventory.nodes.filter((n) => n.name !== 'w2')));
    expect(looked).toEqual({ differences: ['node w2 has left the cluster'] });
    expect(amended[0]?.reason).toBe('node w2 has left the cluster');
    expect(amended[0]?.plan.steps.flatMap((s) => s.targets)).not.toContain('w2');
  });

  it('refuses a control plane that has joined, and amends nothing', async () => {
    const { looked, amended, saved } = await look(withNodes([...plan.inventory.nodes, { ...node('cp1'), name: 'cp9' }]));
    expect(looked).toMatchObject({ code: 'layout-unsupported', message: expect.stringContaining('cp9') });
    expect([amended, saved]).toEqual([[], []]);
  });

  it.each<[string, string, boolean]>([
    ['the CA that nobody else writes is taken in', 'none', true],
    ['what its own writer follows up is none of ours', 'kube-controller-manager', false],
  ])('a new object with %s', async (_, writer, isTakenIn) => {
    const ca = node('cp1').files.find((f) => f.path === '/etc/kubernetes/pki/ca.crt')?.certificates[0];
    const object = { kind: 'Secret', namespace: 'apps', name: 'trust', field: 'data.ca', writer, certificates: [ca] } as unknown as Inventory['objects'][number];
    const { looked, amended } = await look({ ...plan.inventory, objects: [...plan.inventory.objects, object] });
    expect(looked).toEqual({ differences: isTakenIn ? ['Secret apps/trust data.ca holds the CA and was not there before: it is taken in'] : [] });
    expect(amended).toHaveLength(isTakenIn ? 1 : 0);
  });
});
