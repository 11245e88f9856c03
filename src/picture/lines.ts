/** Edges of one class between two boxes are one line, whichever of the two ends is verified. Every edge is in exactly one line. */

import type { Edge, EdgeFinding, TrustGraph, Verdict } from '../domain/trust/graph.js';
import type { Box, Leg, LegView, Line, LineView } from './picture.js';
import { worse } from './verdicts.js';

const legOrder: readonly Leg[] = ['server', 'client', 'token'];

export function linesOf(graph: TrustGraph, boxes: readonly Box[]): Line[] {
  const boxOf = new Map(boxes.flatMap(({ id, processes }) => processes.map((process) => [process, id] as const)));
  const groups = new Map<string, Edge[]>();
  for (const edge of graph.edges) {
    const key = `${boxOf.get(edge.client) ?? ''} ${boxOf.get(edge.server) ?? ''} ${edge.class}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [edge]);
    else group.push(edge);
  }
  return [...groups.values()].map((edges, n) => {
    const [first] = edges;
    const legs = new Set(edges.map(({ leg }) => leg));
    return {
      id: `l${n + 1}`,
      class: first?.class ?? 'E0',
      from: boxOf.get(first?.client ?? '') ?? '',
      to: boxOf.get(first?.server ?? '') ?? '',
      connections: new Set(edges.map(({ client, server }) => `${client}\n${server}`)).size,
      legs: legOrder.filter((leg) => legs.has(leg)),
      edges: edges.map(({ id }) => id),
    };
  });
}

/** What is to be known of the edges of a line again and again. */
export interface LineEdges {
  readonly line: Line;
  readonly edges: readonly Edge[];
}

/** The worst verdict of each leg, with the number of its edges that have it. `findings`: of the edges that do not simply hold. */
export function lineView({ line, edges }: LineEdges, findings: ReadonlyMap<string, EdgeFinding>): LineView {
  const counts = new Map<Leg, Map<Verdict, number>>();
  for (const edge of edges) {
    const verdict = verdictOf(edge, findings);
    const of = counts.get(edge.leg) ?? new Map<Verdict, number>();
    of.set(verdict, (of.get(verdict) ?? 0) + 1);
    counts.set(edge.leg, of);
  }
  const legs = line.legs.map((leg): LegView => {
    const of = counts.get(leg) ?? new Map<Verdict, number>();
    const verdict = [...of.keys()].reduce<Verdict>(worse, 'unverified');
    return { leg, verdict, edges: of.get(verdict) ?? 0, of: [...of.values()].reduce((a, b) => a + b, 0) };
  });
  return { legs, verdict: legs.map(({ verdict }) => verdict).reduce<Verdict>(worse, 'unverified') };
}

export function verdictOf(edge: Edge, findings: ReadonlyMap<string, EdgeFinding>): Verdict {
  return findings.get(edge.id)?.verdict ?? (edge.verifies === undefined ? 'unverified' : 'hold');
}
