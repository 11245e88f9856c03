/** Kinds whose proof is followed by a look at what they wrote: what is seen must be what the plan predicted. */

import type { CertificateRecord, FileRecord, Inventory } from '../domain/cluster/inventory.js';
import { failure, type Failure } from '../domain/errors.js';
import { recordsOf } from '../domain/pki/certificate.js';
import { wholeCluster } from '../domain/plan/plan.js';
import { buildGraph } from '../domain/trust/build-graph.js';
import type { Change } from '../domain/trust/changes.js';
import type { PlaceId, TrustGraph } from '../domain/trust/graph.js';
import { filePlace } from '../domain/trust/names.js';
import { outgoingOf } from '../domain/trust/outgoing.js';
import { lastWrites, unlikePrediction } from '../domain/trust/prediction.js';
import { artefactNames } from '../operations/run-files.js';
import { limitsOf } from '../operations/waiting.js';
import type { AnyStepKind, Site, StepKinds } from '../ports/step-kind.js';
import { readTouched } from '../scan/files/read-touched.js';

export function predictedKinds(kinds: StepKinds): StepKinds {
  return new Map([...kinds].map(([name, kind]) => [name, kind.changes === undefined ? kind : withPrediction(kind)]));
}

function withPrediction(kind: AnyStepKind): AnyStepKind {
  return {
    ...kind,
    async verify(site, params) {
      const failures = await kind.verify(site, params);
      return failures.length > 0 || site.target === wholeCluster
        ? failures
        : compare(site, kind.changes?.(params, { inventory: site.inventory, graph: graphOf(site.inventory), target: site.target }) ?? []);
    },
  };
}

/** A graph takes longer than a look, and each target of each step asks for it. */
const graphs = new WeakMap<Inventory, TrustGraph>();

function graphOf(inventory: Inventory): TrustGraph {
  const graph = graphs.get(inventory) ?? buildGraph(inventory);
  graphs.set(inventory, graph);
  return graph;
}

async function compare(site: Site, changes: readonly Change[]): Promise<Failure[]> {
  const own = (place: PlaceId): boolean => place.startsWith(`${site.target}:`) && !place.endsWith('#key');
  const written = changes.filter((change) => 'place' in change && own(change.place));
  const outgoing = outgoingOf(site.inventory);
  const incoming = recordsOf(site.artefacts.get(artefactNames.incomingCa) ?? '')[0];
  if (written.length === 0 || outgoing === undefined || incoming === undefined) return [];
  const paths = [...lastWrites(written).keys()].map((place) => pathOf(site.target, place));
  const files = await readTouched(
    site.shell,
    [...new Set(paths.map(({ path }) => path))].map((path) => ({ path, kind: paths.some((one) => one.path === path && one.part !== undefined) ? 'kubeconfig' : 'pem' })),
    limitsOf(site, 30_000),
  );
  const node = site.inventory.nodes.find(({ name }) => name === site.target);
  const before = new Map((node?.files ?? []).map((file) => [file.path, file]));
  const differences = unlikePrediction(written, contentOf(site.target, files), { generations: { outgoing, incoming }, before: contentOf(site.target, before) });
  return differences.map((difference) =>
    failure('prediction-differs', {
      target: site.target,
      summary: difference,
      cause: 'the step is done and proved, and yet the node does not hold what the plan had predicted: something else writes there, or the plan has not known all',
      nextAction: 'Find out what differs and why before anything else is changed; then run "rotate-ca resume", or "rotate-ca rollback".',
    }),
  );
}

function contentOf(node: string, files: ReadonlyMap<string, FileRecord>): (place: PlaceId) => readonly CertificateRecord[] {
  return (place) => {
    const { path, part } = pathOf(node, place);
    const file = files.get(path);
    if (part !== 'client') return file?.certificates ?? [];
    return file?.client === undefined ? [] : [file.client];
  };
}

function pathOf(node: string, place: PlaceId): { readonly path: string; readonly part?: 'ca' | 'client' } {
  const rest = place.slice(filePlace(node, '').length);
  const [, path = rest, part] = /^(.*)#(ca|client)$/.exec(rest) ?? [];
  return part === undefined ? { path } : { path, part: part as 'ca' | 'client' };
}
