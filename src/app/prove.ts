/** The proof of a saved plan, worked out again: of the same plan it is always the same. */

import { proofOfPlan } from '../domain/plan/prove.js';
import type { Plan } from '../domain/plan/plan.js';
import type { PlanProof, TrustGraph } from '../domain/trust/graph.js';
import { stepKinds } from '../steps/index.js';

export function proveAgain(plan: Plan): { readonly graph: TrustGraph; readonly proof: PlanProof } {
  return proofOfPlan({ plan, kinds: stepKinds, atMs: Date.parse(plan.createdAt), ...(plan.accepted === undefined ? {} : { accepted: plan.accepted }) });
}
