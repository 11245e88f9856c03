/** Compiles a playbook and an inventory into a plan: a list of passes, each with one reason. Pure. */

import type { z } from 'zod';
import { type Inventory, type NodeRecord, nodesWith } from '../cluster/inventory.js';
import { type Failure, failure } from '../errors.js';
import type { TrustEffect } from '../trust/effects.js';
import type { Change, ChangeContext } from '../trust/changes.js';
import { proveOrder } from '../trust/order.js';
import { cutBatches } from './batches.js';
import { digestOf } from './digest.js';
import { type DroppedStep, type Plan, type PlannedStep, type Settings, wholeCluster } from './plan.js';
import type { Playbook, PlaybookStep } from './playbook.js';
import { proofOfPlan } from './prove.js';
import { refusalsOf, unknownEdges } from './refusals.js';

/** What the planner asks of a kind; each StepKind is one. */
export interface PlannedKind {
  readonly targets: 'control-planes' | 'nodes' | 'cluster';
  readonly params: z.ZodType;
  effects(params: unknown): readonly TrustEffect[];
  changes?(params: unknown, on: ChangeContext): readonly Change[];
  unneeded?(params: unknown, inventory: Inventory): string | undefined;
  concerns?(params: unknown, node: NodeRecord): boolean;
}

export interface PlanParts {
  readonly playbook: Playbook;
  readonly inventory: Inventory;
  readonly kinds: ReadonlyMap<string, PlannedKind>;
  readonly settings: Settings;
  readonly name: string;
  /** Unix time in ms. */
  readonly now: number;
  /** Name and version: "rotate-ca 0.1.0". */
  readonly tool: string;
  /** Edges that may break, by id. */
  readonly accepted?: readonly string[];
  /** Certificates that the operator brings, by fingerprint: PEM. */
  readonly brought?: Readonly<Record<string, string>>;
}

interface Draft {
  readonly step: PlaybookStep;
  readonly kind: PlannedKind;
  /** What the schema of the kind made of the parameters. */
  readonly params: unknown;
}

/** The plan, or all the reasons why there is none: inventory-invalid, playbook-invalid, chain-broken, outgoing-left, edge-broken, usage (an accepted edge that there is not). */
export function makePlan(parts: PlanParts): Plan | Failure[] {
  const { playbook, inventory } = parts;
  const failures = checkNodes(inventory);
  const drafts = playbook.steps.flatMap((step) => {
    const draft = bindKind(step, parts);
    if ('code' in draft) failures.push(draft);
    return 'code' in draft ? [] : [draft];
  });
  if (failures.length > 0) return failures;

  const steps: PlannedStep[] = [];
  const dropped: DroppedStep[] = [];
  for (const draft of drafts) {
    const why = whyDropped(draft, inventory);
    if (why === undefined) steps.push(...cutSteps(draft, inventory));
    else dropped.push({ name: draft.step.name, kind: draft.step.kind, why });
  }

  const gateLost = playbook.steps.find(({ name, gate }) => gate !== undefined && dropped.some((d) => d.name === name));
  if (gateLost !== undefined) return [lostGate(gateLost)];

  const plan: Omit<Plan, 'digest'> = {
    apiVersion: 'rotate-ca/v1',
    kind: 'Plan',
    name: parts.name,
    createdAt: new Date(parts.now).toISOString(),
    tool: parts.tool,
    playbook: { file: playbook.file, sha256: playbook.sha256 },
    settings: parts.settings,
    inventory,
    steps,
    dropped,
    ...(parts.accepted === undefined || parts.accepted.length === 0 ? {} : { accepted: parts.accepted }),
  };
  const unproved = refuse(plan, drafts, parts);
  if (unproved.length > 0) return unproved;
  return { ...plan, digest: digestOf(plan) };
}

/** The order of groups first, then the edges of this cluster. Whoever accepts a break of more than a pod has left the order: then the edges alone speak. */
function refuse(plan: Pick<Plan, 'steps' | 'inventory'>, drafts: readonly Draft[], { kinds, accepted = [], now, brought }: PlanParts): Failure[] {
  const order = proveOrder(drafts.map(({ step, kind, params }) => ({ name: step.name, effects: kind.effects(params) })));
  const { graph, proof } = proofOfPlan({ plan, kinds, atMs: now, accepted, ...(brought === undefined ? {} : { brought }) });
  const hasLeftTheOrder = proof.steps.some(({ findings }) => findings.some(({ edge, isAccepted }) => isAccepted === true && !/^E1[01] pods? /.test(edge)));
  return [...unknownEdges(accepted, graph), ...(hasLeftTheOrder ? [] : order), ...refusalsOf(proof, accepted)];
}

function checkNodes(inventory: Inventory): Failure[] {
  const failures: Failure[] = [];
  const nextAction = 'Correct the inventory, then plan again.';
  if (nodesWith(inventory, 'control-plane').length === 0) {
    failures.push(failure('inventory-invalid', { target: 'inventory', summary: 'no node is a control plane', nextAction }));
  }
  const seen = new Set<string>();
  for (const { name } of inventory.nodes) {
    if (seen.has(name)) failures.push(failure('inventory-invalid', { target: name, summary: `node "${name}" is there twice`, nextAction }));
    if (name === wholeCluster)
      failures.push(
        failure('inventory-invalid', { target: name, summary: `a node is called "${wholeCluster}"`, cause: 'plans use that word for the cluster as a whole', nextAction }),
      );
    seen.add(name);
  }
  return failures;
}

function bindKind(step: PlaybookStep, { kinds, playbook }: PlanParts): Draft | Failure {
  const kind = kinds.get(step.kind);
  const read = kind?.params.safeParse(step.params);
  if (kind !== undefined && read?.success === true) return { step, kind, params: read.data };
  return failure('playbook-invalid', {
    target: playbook.file,
    summary: kind === undefined ? `unknown kind "${step.kind}" of step "${step.name}"` : `the parameters of step "${step.name}" are not those of "${step.kind}"`,
    nextAction: 'Correct the playbook, then plan again.',
  });
}

function whyDropped({ step, kind, params }: Draft, inventory: Inventory): string | undefined {
  const why = kind.unneeded?.(params, inventory);
  if (why !== undefined) return why;
  return nodesOf({ kind, params }, inventory)?.length === 0 ? `no node is a target of "${step.kind}"` : undefined;
}

/** A gate must never go with its step: what it protects comes after. */
function lostGate({ name, gate }: PlaybookStep): Failure {
  return failure('playbook-invalid', {
    target: name,
    summary: `step "${name}" is not needed on this cluster, but it carries the gate "${gate?.name ?? ''}"`,
    nextAction: 'Put the gate on a step that every cluster needs.',
  });
}

function cutSteps(draft: Draft, inventory: Inventory): PlannedStep[] {
  const { step } = draft;
  const nodes = nodesOf(draft, inventory);
  const batches = nodes === undefined ? [[wholeCluster]] : cutBatches(nodes, step.batch);
  return batches.map((targets, i) => ({
    id: i === 0 ? step.name : `${step.name}/${i + 1}`,
    kind: step.kind,
    title: step.title,
    params: step.params,
    targets,
    deadlineMs: step.deadlineMs,
    // Asked once, before the first batch.
    ...(step.gate !== undefined && i === 0 ? { gate: step.gate } : {}),
    ifItFails: step.ifItFails,
    rollback: step.rollback,
  }));
}

/** undefined: the cluster as a whole. */
function nodesOf({ kind, params }: Pick<Draft, 'kind' | 'params'>, inventory: Inventory): Inventory['nodes'] | undefined {
  if (kind.targets === 'cluster') return undefined;
  const nodes = kind.targets === 'nodes' ? inventory.nodes : nodesWith(inventory, 'control-plane');
  return nodes.filter((node) => kind.concerns?.(params, node) ?? true);
}
