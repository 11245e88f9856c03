/** The order of the playbooks is checked on the edges of a recorded cluster, not trusted. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { stepKinds } from '../src/steps/index.js';
import type { Inventory } from '../src/domain/cluster/inventory.js';
import type { Failure } from '../src/domain/errors.js';
import { readPlaybook, type Playbook, type PlaybookStep } from '../src/domain/plan/playbook.js';
import { makePlan } from '../src/domain/plan/planner.js';
import type { Plan } from '../src/domain/plan/plan.js';
import { proofOfPlan } from '../src/domain/plan/prove.js';
import { refusalsOf } from '../src/domain/plan/refusals.js';
import { buildGraph } from '../src/domain/trust/build-graph.js';
import { proveOrder } from '../src/domain/trust/order.js';

const file = 'playbooks/cluster-ca.yaml';
const playbook = readPlaybook(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'), file, stepKinds);
const inventory = JSON.parse(readFileSync(new URL('../fixtures/inventories/kubeadm-ha.json', import.meta.url), 'utf8')) as Inventory;
const settings = { inventoryFile: '', kubeconfig: '', context: '', vault: { address: '', mount: '' }, recipients: [], identityFile: '', stateDir: '' };
const now = Date.parse(inventory.takenAt);

const planned = (steps: readonly PlaybookStep[], accepted: readonly string[] = []): Plan | Failure[] =>
  makePlan({ playbook: { ...playbook, steps } as Playbook, inventory, kinds: stepKinds, settings, name: 'p', now, tool: 't', accepted });
const without = (name: string): PlaybookStep[] => playbook.steps.filter((step) => step.name !== name);
function moved(name: string, before: string): PlaybookStep[] {
  const rest = without(name);
  const step = playbook.steps.find((one) => one.name === name)!;
  rest.splice(
    rest.findIndex((one) => one.name === before),
    0,
    step,
  );
  return rest;
}
/** Of the edges alone, whatever the order of groups says. */
function edgesOf(steps: readonly PlaybookStep[]): Failure[] {
  const plan = planned(steps, ['E27 rotate-ca -> kube-apiserver@cp1 client']);
  return Array.isArray(plan) ? plan.filter(({ code }) => code === 'edge-broken') : refusalsOf(proofOfPlan({ plan: plan as Plan, kinds: stepKinds, atMs: now }).proof);
}

it('cluster-ca.yaml breaks no edge of the recorded cluster, and leaves none latent', () => {
  const plan = planned(playbook.steps) as Plan;
  const { proof } = proofOfPlan({ plan, kinds: stepKinds, atMs: now });
  expect(proof.before).toEqual([]);
  expect(proof.steps.flatMap(({ findings }) => findings.filter(({ verdict }) => verdict !== 'blip'))).toEqual([]);
  expect(new Set(Object.values(proof.verdicts))).toEqual(new Set(['hold', 'unverified']));
});

it.each([
  ['kubelets are reissued before servers trust', moved('reissue-kubelets', 'servers-trust-both'), 'reissue-kubelets', 'E7 kubelet@'],
  ['API servers are reissued before kubelets trust', moved('reissue-apiserver', 'kubelets-trust-both'), 'reissue-apiserver', 'E7 kubelet@'],
  ['API servers are reissued before pods are rolled', moved('reissue-apiserver', 'roll-workloads'), 'reissue-apiserver', 'E11 pods of'],
  ['servers drop the outgoing CA before admins are reissued', moved('servers-drop-outgoing', 'reissue-admins'), 'servers-drop-outgoing', 'E9 kubeconfig'],
  ['servers trust both before the signer is split', moved('servers-trust-both', 'split-signer-and-trust-both'), 'servers-trust-both', 'S1 kube-controller-manager@'],
  ['kubelets drop the outgoing CA before API servers are reissued', moved('kubelets-drop-outgoing', 'reissue-apiserver'), 'kubelets-drop-outgoing', 'E7 kubelet@'],
  ['the signer is switched before servers trust', moved('switch-signer', 'servers-trust-both'), 'switch-signer', 'S1 kube-controller-manager@'],
  ['cluster-info is forgotten', without('objects-trust-both'), 'reissue-apiserver', 'E25 joining nodes'],
  ['the engine would lock itself out', without('hold-credential'), 'servers-drop-outgoing', 'E27 rotate-ca'],
  [
    'API servers show kubelets a leaf that these do not accept',
    moved('reissue-apiserver-kubelet-client', 'servers-trust-both'),
    'reissue-apiserver-kubelet-client',
    'E13 kube-apiserver@',
  ],
])('is refused where %s, with the edge', (_what, steps, step, edge) => {
  const found = edgesOf(steps);
  expect(found.map(({ target }) => target.split('/')[0])).toContain(step);
  expect(
    found
      .filter(({ target }) => target.startsWith(step))
      .map(({ summary }) => summary)
      .join('\n'),
  ).toContain(edge);
});

it('is refused at the command with both: the order of groups, and the edges', () => {
  const failures = planned(moved('reissue-kubelets', 'servers-trust-both')) as Failure[];
  expect(new Set(failures.map(({ code }) => code))).toEqual(new Set(['chain-broken', 'edge-broken']));
});

it('whoever names an edge that there is not is told of the one that was meant', () => {
  const failures = planned(playbook.steps, ['E27 rotate-ca -> kube-apiserver@cp9 client']) as Failure[];
  expect(failures).toMatchObject([{ code: 'usage', target: '--accept-break', cause: expect.stringMatching(/did you mean "E27 rotate-ca -> kube-apiserver@cp\d client"/) }]);
});

it('named breaks are planned, marked, and in the digest', () => {
  const steps = moved('servers-drop-outgoing', 'reissue-admins');
  const all = buildGraph(inventory).edges.map(({ id }) => id);
  const plan = planned(steps, all) as Plan;
  const { proof } = proofOfPlan({ plan, kinds: stepKinds, atMs: now, accepted: plan.accepted ?? [] });
  const breaks = proof.steps.flatMap(({ findings }) => findings.filter(({ verdict }) => verdict === 'break'));
  expect(breaks.length).toBeGreaterThan(0);
  expect(breaks.every(({ isAccepted }) => isAccepted === true)).toBe(true);
  const named = planned(
    steps,
    breaks.map(({ edge }) => edge),
  ) as Plan;
  expect(named.digest).not.toBe(plan.digest);
  expect(
    planned(
      steps,
      breaks.slice(1).map(({ edge }) => edge),
    ),
  ).toMatchObject([{ code: 'edge-broken', summary: expect.stringContaining(breaks[0]!.edge) }]);
});

it('each adjacent pair swapped: where the order of groups is broken, some edge is', () => {
  const effectful = playbook.steps.filter((step) => {
    const kind = stepKinds.get(step.kind)!;
    return kind.effects(kind.params.parse(step.params)).length > 0;
  });
  let refused = 0;
  for (let i = 0; i + 1 < effectful.length; i += 1) {
    const [one, other] = [effectful[i]!, effectful[i + 1]!];
    const swapped = moved(other.name, one.name);
    const groups = proveOrder(
      swapped.map((step) => {
        const kind = stepKinds.get(step.kind)!;
        return { name: step.name, effects: kind.effects(kind.params.parse(step.params)) };
      }),
      // A server with a leaf that it had signed by request is no edge of this cluster, as it has none.
    ).filter(({ code, summary }) => code === 'chain-broken' && !summary.includes('CertificateSigningRequest'));
    const edges = edgesOf(swapped);
    if (groups.length > 0) {
      refused += 1;
      expect(edges.length, `${one.name} <-> ${other.name}: ${groups[0]?.summary ?? ''}`).toBeGreaterThan(0);
    }
  }
  expect(refused).toBeGreaterThan(0);
});
