/** The rotation itself made wrong: `cluster-ca` with steps left out or swapped, and ended right after it shows. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Step, WrongPlan } from './plan-parts.js';

interface Wrong {
  readonly without?: readonly string[];
  /** This step comes right before that one. */
  readonly moved?: { readonly step: string; readonly before: string };
  /** The last one. */
  readonly through: string;
}

const playbook = join(import.meta.dirname, '..', '..', 'playbooks', 'cluster-ca.yaml');

export function rotationSteps({ without = [], moved, through }: Wrong): Step[] {
  const { steps } = parse(readFileSync(playbook, 'utf8')) as { steps: (Step & { readonly name: string; readonly needs?: readonly string[] })[] };
  const missing = [...without, through, ...(moved === undefined ? [] : [moved.step, moved.before])].filter((name) => !steps.some((step) => step.name === name));
  if (missing.length > 0) throw new Error(`cluster-ca has no step ${missing.join(', ')}`);
  const left = steps.filter(({ name }) => !without.includes(name) && name !== moved?.step);
  const taken = steps.filter(({ name }) => name === moved?.step);
  const ordered = left.flatMap((step) => (step.name === moved?.before ? [...taken, step] : [step]));
  const kept = ordered.slice(0, ordered.findIndex(({ name }) => name === through) + 1);
  // A playbook that asks for what is not there is refused before any edge is looked at.
  return kept.map(({ needs, ...step }, n) => {
    const there = needs?.filter((name) => kept.slice(0, n).some((before) => before.name === name)) ?? [];
    return { ...step, ...(there.length === 0 ? {} : { needs: there }) };
  });
}

/** The lab of the proof hangs more on the cluster CA than the playbook rotates, which the step check-cluster refuses. */
const of =
  ({ without = [], ...wrong }: Wrong): WrongPlan['make'] =>
  async () => ({ files: {}, steps: rotationSteps({ ...wrong, without: ['check-cluster', ...without] }) });

export const rotationPlans: readonly WrongPlan[] = [
  {
    name: 'rotation-without-rolling',
    what: 'the rotation, but pods are not rolled, and copies in the API are forgotten, before API servers present the incoming leaf',
    // Of pods alone no plan comes about: the order of groups asks for them, whatever is accepted of their edges.
    make: of({ without: ['objects-trust-both', 'roll-workloads', 'volumes-trust-both'], through: 'reissue-apiserver' }),
  },
  {
    name: 'rotation-without-kubelets',
    what: 'the rotation, but kubelets never get both CAs before API servers present the incoming leaf',
    make: of({ without: ['kubelets-trust-both'], through: 'reissue-apiserver' }),
  },
  {
    name: 'rotation-without-objects',
    what: 'the rotation, but cluster-info, webhooks and copies in the API are forgotten',
    make: of({ without: ['objects-trust-both'], through: 'reissue-apiserver' }),
  },
  {
    name: 'rotation-swapped-admins',
    what: 'two steps swapped: API servers present the incoming leaf before kubeconfigs of administrators trust it',
    make: of({ moved: { step: 'admins-trust-both', before: 'reissue-apiserver-kubelet-client' }, through: 'reissue-apiserver' }),
  },
  {
    name: 'rotation-swapped-client',
    what: 'two steps swapped: API servers show kubelets an incoming leaf before these accept it',
    make: of({ moved: { step: 'reissue-apiserver-kubelet-client', before: 'servers-trust-both' }, through: 'reissue-apiserver-kubelet-client' }),
  },
];
