/** Breaks that the operator accepts: edges by name, or several by the beginning of theirs. Pure. */

import type { EdgeId } from './graph.js';

/** `E11 pod app/job -> *` accepts all edges whose names begin with what stands before the star. */
export function acceptedBy(named: readonly string[]): (edge: EdgeId) => boolean {
  const whole = new Set(named.filter((one) => !one.endsWith('*')));
  const beginnings = named.flatMap((one) => (one.endsWith('*') ? [one.slice(0, -1)] : []));
  return (edge) => whole.has(edge) || beginnings.some((beginning) => edge.startsWith(beginning));
}
