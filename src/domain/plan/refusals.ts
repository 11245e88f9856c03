/** Why a plan is refused by its proof: edges that break, by step. Pure. */

import { type Failure, failure } from '../errors.js';
import { groupBy } from '../group-by.js';
import { nearest } from '../source/nearest.js';
import { symptomOf } from '../trust/explain.js';
import { acceptedBy } from '../trust/accepted.js';
import type { EdgeFinding, PlanProof, TrustGraph } from '../trust/graph.js';

const shown = 8;

/**
 * One failure (edge-broken) for each step and reason; none: nothing breaks that was not accepted. What failed before anything is done
 * does not count, and neither does what a cutover cuts on purpose. A latent edge counts where it is still latent at the end.
 */
export function refusalsOf(proof: PlanProof, accepted: readonly string[] = []): Failure[] {
  const isAccepted = acceptedBy(accepted);
  const before = new Set(proof.before.map(({ edge }) => edge));
  return proof.steps.flatMap(({ step, findings }) => {
    const counted = findings.filter(({ edge, verdict }) => {
      if (isAccepted(edge) || before.has(edge)) return false;
      return verdict === 'break' || (verdict === 'latent' && proof.verdicts[edge] === 'latent');
    });
    return groupBy(counted, ({ verdict, why }) => `${verdict} ${why}`).map((group) => refusal(step, group));
  });
}

/** usage, for every edge that there is not. */
export function unknownEdges(accepted: readonly string[], { edges }: TrustGraph): Failure[] {
  const ids = edges.map(({ id }) => id);
  const known = new Set(ids);
  return accepted
    .filter((edge) => (edge.endsWith('*') ? !ids.some(acceptedBy([edge])) : !known.has(edge)))
    .map((edge) => {
      const like = nearest(edge, ids);
      return failure('usage', {
        target: '--accept-break',
        summary: `this cluster has no edge "${edge}"`,
        cause: like === undefined ? '' : `did you mean "${like}"?`,
        nextAction: 'Give the edge as the refusal names it, in quotes: class, client, "->", server, and who is verified; or its beginning and a star.',
      });
    });
}

function refusal(step: string, group: readonly EdgeFinding[]): Failure {
  const [first] = group;
  const names = group.slice(0, shown).map(({ edge }) => edge);
  const more = group.length > shown ? `, and ${group.length - shown} more` : '';
  const how = first?.verdict === 'latent' ? 'would break at the next restart' : 'would break';
  return failure('edge-broken', {
    target: step,
    summary: `at step "${step}" ${group.length === 1 ? 'an edge' : `${group.length} edges`} ${how}: ${names.join(', ')}${more}`,
    cause: `${first?.why ?? ''}${first === undefined ? '' : `. It shows as: ${symptomOf(first.edge)}`}`,
    nextAction: `${first?.nextAction ?? ''} If the break is wanted, name it: --accept-break "${first?.edge ?? ''}".`,
  });
}
