import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Inventory, NodeRecord, Role } from '../cluster/inventory.js';
import { cutBatches } from './batches.js';
import { canonicalJson, digestOf, readPlan } from './digest.js';
import type { Plan, Settings } from './plan.js';
import { makePlan, type PlannedKind } from './planner.js';
import type { Playbook, PlaybookStep } from './playbook.js';

const settings: Settings = {
  inventoryFile: 'hosts.yaml',
  kubeconfig: '',
  context: '',
  vault: { address: 'https://vault', mount: 'pki' },
  recipients: ['age1x'],
  identityFile: 'id',
  stateDir: '/state',
};

function node(name: string, role: Role): NodeRecord {
  return {
    name,
    roles: [role],
    host: { name, sshHost: name, become: true },
    internalIp: '10.0.0.1',
    kubeletVersion: 'v1.34.0',
    files: [],
    components: [],
    tools: { openssl: true, ctr: true, crictl: true, kubeadm: true },
  };
}

const inventory: Inventory = {
  apiVersion: 'rotate-ca/v1',
  kind: 'Inventory',
  takenAt: '2026-01-01T00:00:00Z',
  cluster: { uid: 'u', server: 'https://api', version: 'v1.34.0' },
  nodes: [node('w1', 'worker'), node('cp1', 'control-plane'), node('cp2', 'control-plane'), node('w2', 'worker'), node('w3', 'worker'), node('w4', 'worker')],
  objects: [],
};

const kind = (targets: PlannedKind['targets'], more: Partial<PlannedKind> = {}): PlannedKind => ({ targets, params: z.strictObject({}), effects: () => [], ...more });
const kinds = new Map<string, PlannedKind>([
  ['check', kind('cluster')],
  ['restart', kind('nodes')],
  ['rewrite', kind('control-planes')],
  ['clear', kind('cluster', { unneeded: () => 'tokens have a key of their own' })],
  ['trust', kind('nodes', { effects: () => [{ type: 'trusts', verifier: 'servers', cas: ['incoming'] }] })],
]);

const step = (name: string, kindName: string, more: Partial<PlaybookStep> = {}): PlaybookStep => ({
  name,
  kind: kindName,
  title: name,
  params: {},
  deadlineMs: 1000,
  ifItFails: '-',
  rollback: '-',
  needs: [],
  ...more,
});
const playbookOf = (...steps: PlaybookStep[]): Playbook => ({ file: 'pb.yaml', sha256: 'f'.repeat(64), name: 'p', description: '-', steps });
const plan = (playbook: Playbook, where: Inventory = inventory) =>
  makePlan({ playbook, inventory: where, kinds, settings, name: 'plan-1', now: Date.UTC(2026, 0, 2), tool: 'rotate-ca 0' });

function planned(...steps: PlaybookStep[]): Plan {
  const made = plan(playbookOf(...steps));
  if (Array.isArray(made)) throw new Error(JSON.stringify(made));
  return made as Plan;
}

describe('the planner', () => {
  it('gives targets by kind, cuts batches, drops what is not needed and says why', () => {
    const made = planned(
      step('look', 'check'),
      step('clear', 'clear'),
      step('restart', 'restart', { batch: { size: '50%' }, gate: { name: 'go', question: 'Go?' } }),
      step('rewrite', 'rewrite'),
    );
    expect(made.steps.map(({ id, targets, gate }) => [id, targets, gate?.name])).toEqual([
      ['look', ['cluster'], undefined],
      ['restart', ['cp1'], 'go'],
      ['restart/2', ['cp2'], undefined],
      ['restart/3', ['w1', 'w2'], undefined],
      ['restart/4', ['w3', 'w4'], undefined],
      ['rewrite', ['cp1', 'cp2'], undefined],
    ]);
    expect(made.dropped).toEqual([{ name: 'clear', kind: 'clear', why: 'tokens have a key of their own' }]);
    expect(made).toMatchObject({ createdAt: '2026-01-02T00:00:00.000Z', digest: digestOf(made) });
  });

  it.each([
    ['no control plane', playbookOf(step('look', 'check')), { ...inventory, nodes: [node('w1', 'worker')] }, 'inventory-invalid'],
    ['a node twice', playbookOf(step('look', 'check')), { ...inventory, nodes: [node('a', 'control-plane'), node('a', 'worker')] }, 'inventory-invalid'],
    ['a node called cluster', playbookOf(step('look', 'check')), { ...inventory, nodes: [node('cluster', 'control-plane')] }, 'inventory-invalid'],
    ['an unknown kind', playbookOf(step('x', 'nothing')), inventory, 'playbook-invalid'],
    ['parameters that are not those of the kind', playbookOf(step('x', 'check', { params: { a: 1 } })), inventory, 'playbook-invalid'],
    ['a gate that would go with its step', playbookOf(step('x', 'clear', { gate: { name: 'go', question: '?' } })), inventory, 'playbook-invalid'],
    ['an order that breaks connections', playbookOf(step('x', 'trust')), inventory, 'chain-broken'],
  ])('refuses %s', (_what, playbook, where, code) => {
    const made = plan(playbook, where as Inventory);
    expect(Array.isArray(made) && made.map((f) => f.code)).toContain(code);
  });
});

describe('batches', () => {
  const nodes = inventory.nodes;
  it.each([
    ['none', undefined, [['cp1', 'cp2', 'w1', 'w2', 'w3', 'w4']]],
    ['one at a time', { size: 1 }, [['cp1'], ['cp2'], ['w1'], ['w2'], ['w3'], ['w4']]],
    ['three at a time, roles apart', { size: 3 }, [['cp1', 'cp2'], ['w1', 'w2', 'w3'], ['w4']]],
    ['half of the workers, control planes one at a time', { size: '50%', per: 'worker' as const }, [['cp1'], ['cp2'], ['w1', 'w2'], ['w3', 'w4']]],
    ['a share of less than one', { size: '10%' }, [['cp1'], ['cp2'], ['w1'], ['w2'], ['w3'], ['w4']]],
    [
      'for control planes, workers at once',
      { size: 2, per: 'control-plane' as const },
      [
        ['cp1', 'cp2'],
        ['w1', 'w2', 'w3', 'w4'],
      ],
    ],
  ])('%s', (_what, batch, expected) => {
    expect(cutBatches(nodes, batch)).toEqual(expected);
  });
});

describe('the digest', () => {
  const made = planned(step('look', 'check'));

  it.each([
    ['times', { createdAt: 'later', inventory: { ...made.inventory, takenAt: 'later' } }],
    ['the state folder', { settings: { ...settings, stateDir: '/elsewhere' } }],
    ['the name of the plan and the tool', { name: 'other', tool: 'other' }],
    ['the order of nodes', { inventory: { ...inventory, nodes: inventory.nodes.toReversed() } }],
  ])('does not see %s', (_what, change) => {
    expect(digestOf({ ...made, ...change })).toBe(made.digest);
  });

  it.each([
    ['a step', { steps: [{ ...made.steps[0]!, params: { a: 1 } }] }],
    ['a dropped step', { dropped: [{ name: 'x', kind: 'x', why: 'x' }] }],
    ['a setting', { settings: { ...settings, kubeconfig: 'other' } }],
    ['a node', { inventory: { ...inventory, nodes: inventory.nodes.slice(1) } }],
    ['a version', { inventory: { ...inventory, nodes: inventory.nodes.map((n) => ({ ...n, kubeletVersion: 'v1.35.0' })) } }],
    ['the cluster', { inventory: { ...inventory, cluster: { ...inventory.cluster, uid: 'other' } } }],
    ['the playbook', { playbook: { file: 'pb.yaml', sha256: '0'.repeat(64) } }],
  ])('sees %s', (_what, change) => {
    expect(digestOf({ ...made, ...change })).not.toBe(made.digest);
  });

  it('is of sorted keys', () => {
    expect(canonicalJson({ b: [undefined, 1], a: undefined, c: { z: null, y: 'x' } })).toBe('{"b":[null,1],"c":{"y":"x","z":null}}');
  });
});

describe('a saved plan', () => {
  const made = planned(step('look', 'check'));
  const text = JSON.stringify(made);

  it('is read as it was written', () => {
    expect(readPlan(text, 'plan.json')).toEqual(made);
  });

  it.each([
    ['cut off', text.slice(0, -20), 'the plan is damaged'],
    ['edited', text.replace('"deadlineMs":1000', '"deadlineMs":9000'), 'the plan was edited after it was made'],
    ['another version', text.replace('"apiVersion":"rotate-ca/v1","kind":"Plan"', '"apiVersion":"rotate-ca/v2","kind":"Plan"'), 'the plan is of another version'],
    ['an inventory', JSON.stringify(inventory), 'this is not a plan'],
    ['without steps', text.replace('"steps"', '"stepz"'), 'the plan is damaged'],
    ['with a broken inventory', text.replace('"objects":[]', '"objects":[{}]'), 'the plan is damaged'],
    ['null', 'null', 'this is not a plan'],
  ])('is refused: %s', (_what, damaged, words) => {
    expect(() => readPlan(damaged, 'plan.json')).toThrow(words);
  });
});
