/** What boxes trust and present, as the steps of a plan change it, for showing: places by generation, and what must still be started anew. */

import type { Input, StepProof, TrustGraph } from '../domain/trust/graph.js';
import { groupByEach } from '../domain/group-by.js';
import type { PictureInput } from './input.js';
import type { Box, BoxView, Ca, Mark } from './picture.js';

export interface Holdings {
  /** As it is now, by id of the box. */
  views(): ReadonlyMap<string, BoxView>;
  /** After this step. */
  advance(step: StepProof): void;
}

export function openHoldings(graph: TrustGraph, boxes: readonly Box[], caOf: PictureInput['caOf']): Holdings {
  const shown = graph.inputs.filter(({ holds }) => holds !== 'keys');
  const byProcess = indexBy(shown, ({ process }) => process);
  const byPlace = indexBy(graph.inputs, ({ place }) => place);
  const boxOf = new Map(boxes.flatMap((box) => box.processes.map((process) => [process, box] as const)));
  const stored = new Map(graph.state.stored);
  const behind = new Set(graph.inputs.filter((input) => isBehind(input, graph)).map(({ id }) => id));
  let views = new Map(boxes.map((box) => [box.id, viewOf(box, new Set())]));

  function viewOf(box: Box, restarted: ReadonlySet<string>): BoxView {
    return {
      trusts: marksOf(box, 'trust'),
      presents: marksOf(box, 'leaf'),
      restarts: box.processes.filter((process) => restarted.has(process)).length,
      behind: box.processes.filter((process) => byProcess.get(process)?.some(({ id }) => behind.has(id))).length,
    };
  }

  function marksOf(box: Box, holds: Input['holds']): Mark[] {
    const found = new Map<string, { ca: Ca; processes: number }>();
    for (const process of box.processes) {
      const cas = new Map<string, Ca>();
      for (const input of byProcess.get(process) ?? []) {
        if (input.holds !== holds) continue;
        const content = stored.get(input.place) ?? [];
        // Of a leaf with its chain the leaf counts: it says who has issued it.
        for (const id of holds === 'leaf' ? content.slice(0, 1) : content) {
          const ca = caOf(id) ?? unknown;
          cas.set(keyOfCa(ca), ca);
        }
      }
      for (const [key, ca] of cas) found.set(key, { ca, processes: (found.get(key)?.processes ?? 0) + 1 });
    }
    return [...found.values()].sort((a, b) => inOrderOfCas(a.ca, b.ca));
  }

  return {
    views: () => views,
    advance(step) {
      const restarted = new Set(step.restarts.filter(({ done }) => done).map(({ process }) => process));
      const touched = new Set<string>(restarted);
      for (const { place, content } of step.changes) {
        if (content !== undefined) stored.set(place, content);
        for (const input of byPlace.get(place) ?? []) {
          touched.add(input.process);
          if (input.policy === 'once') behind.add(input.id);
        }
      }
      for (const process of restarted) for (const { id } of byProcess.get(process) ?? []) behind.delete(id);
      const changed = new Set([...touched].flatMap((process) => boxOf.get(process)?.id ?? []));
      views = new Map(boxes.map((box) => [box.id, changed.has(box.id) ? viewOf(box, restarted) : still(views.get(box.id))]));
    },
  };
}

const unknown: Ca = { name: 'not known', generation: 'other' };

function isBehind({ id, place }: Input, { state }: TrustGraph): boolean {
  const loaded = state.loaded.get(id);
  return loaded !== undefined && loaded.join() !== (state.stored.get(place) ?? []).join();
}

function still(view: BoxView | undefined): BoxView {
  return view === undefined ? { trusts: [], presents: [], restarts: 0, behind: 0 } : { ...view, restarts: 0 };
}

/** One CA for each generation of the rotation, whatever its names; others by name. */
export function keyOfCa({ name, generation }: Ca): string {
  return generation === 'other' ? `other ${name}` : generation;
}

export function inOrderOfCas(a: Ca, b: Ca): number {
  const rank = ({ generation }: Ca): number => ['outgoing', 'incoming', 'other'].indexOf(generation);
  return rank(a) - rank(b) || (a.name < b.name ? -1 : 1);
}

function indexBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  return groupByEach(items, (item) => [keyOf(item)]);
}
