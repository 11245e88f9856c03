/** What a picture is made of. */

import type { PlanProof, TrustGraph } from '../domain/trust/graph.js';
import type { Ca } from './picture.js';

export interface PictureInput {
  /** Over the picture: `cluster https://10.0.0.1:6443, plan r1`. */
  readonly title: string;
  readonly graph: TrustGraph;
  /** Without a plan: one that has no steps. `before` says how edges stand now. */
  readonly proof: PlanProof;
  /** By the identifier of a certificate in the graph: the CA that it is, or of a leaf the CA that has issued it. undefined: not known. */
  caOf(certificate: string): Ca | undefined;
  /** What a step is called for a human, by its id. */
  readonly titles?: ReadonlyMap<string, string>;
}
