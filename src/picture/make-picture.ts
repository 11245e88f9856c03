/** From a trust graph and the proof of a plan to a picture of both, which has a moment for each step. */

import type { EdgeFinding, StepProof, Verdict } from '../domain/trust/graph.js';
import { boxesOf } from './boxes.js';
import { framesOf } from './frames.js';
import { inOrderOfCas, keyOfCa, openHoldings } from './holdings.js';
import type { PictureInput } from './input.js';
import { type LineEdges, lineView, linesOf, verdictOf } from './lines.js';
import { changeNotes, type Ends, findingNotes, restartNotes } from './notes.js';
import type { Ca, LineView, Moment, Picture } from './picture.js';
import { worse } from './verdicts.js';

export function makePicture(input: PictureInput): Picture {
  const { graph, proof } = input;
  const frames = framesOf(input);
  const boxes = boxesOf(graph, frames);
  const lines = linesOf(graph, boxes);
  const edgeOf = new Map(graph.edges.map((edge) => [edge.id, edge]));
  const withEdges = lines.map((line): LineEdges => ({ line, edges: line.edges.flatMap((id) => edgeOf.get(id) ?? []) }));
  const ends: Ends = {
    lineOf: new Map(lines.flatMap((line) => line.edges.map((edge) => [edge, line] as const))),
    boxes: new Map(boxes.map((box) => [box.id, box])),
    legOf: new Map(graph.edges.map(({ id, leg }) => [id, leg])),
    boxOf: new Map(boxes.flatMap((box) => box.processes.map((process) => [process, box] as const))),
    nodeOf: new Map(graph.processes.flatMap(({ id, node }) => (node === undefined ? [] : [[id, node] as const]))),
  };
  const quiet = new Map<string, EdgeFinding>();
  const quietViews = new Map(withEdges.map((one) => [one.line.id, lineView(one, quiet)]));
  const quietTotals = new Map<Verdict, number>();
  for (const edge of graph.edges) add(quietTotals, verdictOf(edge, quiet), 1);

  const holdings = openHoldings(graph, boxes, input.caOf);
  const cas = new Map<string, Ca>();
  // A proof reports an edge that fails once; it goes on failing until it is said to have healed.
  const standing = new Map<string, EdgeFinding>();
  const momentOf = ({ step, changes, restarts, findings, healed = [] }: StepProof, title: string): Moment => {
    const news = worstByEdge(findings);
    const old = [...standing.values()].filter(({ edge }) => !news.has(edge));
    const byEdge = worstByEdge([...standing.values(), ...findings]);
    for (const finding of byEdge.values()) if (finding.verdict !== 'blip') standing.set(finding.edge, finding);
    for (const edge of healed) standing.delete(edge);
    const touched = new Set([...byEdge.keys()].flatMap((edge) => ends.lineOf.get(edge)?.id ?? []));
    const views = new Map<string, LineView>(quietViews);
    for (const one of withEdges) if (touched.has(one.line.id)) views.set(one.line.id, lineView(one, byEdge));
    const totals = new Map(quietTotals);
    for (const [id, { verdict }] of byEdge) {
      const edge = edgeOf.get(id);
      if (edge === undefined) continue;
      add(totals, verdictOf(edge, quiet), -1);
      add(totals, verdict, 1);
    }
    for (const view of holdings.views().values()) for (const { ca } of [...view.trusts, ...view.presents]) cas.set(keyOfCa(ca), cas.get(keyOfCa(ca)) ?? ca);
    return {
      step,
      title,
      lines: views,
      boxes: holdings.views(),
      totals,
      changes: changeNotes(changes),
      restarts: restartNotes(restarts, ends),
      findings: findingNotes([...news.values()], ends),
      standing: findingNotes(old, ends),
      worst: [...news.values()].map(({ verdict }) => verdict).reduce<Verdict>(worse, 'hold'),
    };
  };

  const now = momentOf({ step: 'now', changes: [], restarts: [], findings: proof.before }, 'Now, before anything is done');
  const steps = proof.steps.map((step) => {
    holdings.advance(step);
    return momentOf(step, input.titles?.get(step.step) ?? step.step);
  });
  return {
    title: input.title,
    frames: frames.filter(({ id }) => boxes.some(({ frame }) => frame === id)),
    boxes,
    lines,
    cas: [...cas.values()].sort(inOrderOfCas),
    moments: [now, ...steps],
    hosts: new Set(graph.processes.flatMap(({ node }) => node ?? [])).size,
    unseen: [...new Set([...graph.unseen, ...proof.unseen])],
  };
}

/** A proof may say several things of one edge in one step: it blips, and is latent afterwards. The first of the worst is shown. */
function worstByEdge(findings: readonly EdgeFinding[]): Map<string, EdgeFinding> {
  const found = new Map<string, EdgeFinding>();
  for (const finding of findings) {
    const other = found.get(finding.edge);
    if (other === undefined || isWorse(finding.verdict, other.verdict)) found.set(finding.edge, finding);
  }
  return found;
}

function isWorse(a: Verdict, b: Verdict): boolean {
  return a !== b && worse(a, b) === a;
}

function add(totals: Map<Verdict, number>, verdict: Verdict, by: number): void {
  totals.set(verdict, (totals.get(verdict) ?? 0) + by);
}
