/** Takes all that can be seen of a cluster, and says what cannot. Reads only. */

import type { Inventory, TokenRecord, Unseen } from '../domain/cluster/inventory.js';
import { type Failure, RotationError } from '../domain/errors.js';
import { redact } from '../domain/redact.js';
import { findingsOf } from '../domain/scanned/findings.js';
import type { KubeObject } from '../ports/kube.js';
import type { TlsProbe } from '../ports/tls-probe.js';
import { askCalled } from './called/ask-called.js';
import { calledIn } from './called/called-in.js';
import { openPool } from './certificate-pool.js';
import { fullScript } from './files/full-script.js';
import { collectScript } from './files/script.js';
import { missingReferences } from './files/manifest-references.js';
import { type FullFindings, readFullFindings } from './files/read-full.js';
import { findingsIn } from './findings/in-object.js';
import { gather, type Gathered } from './gather.js';
import { byText } from './objects/order.js';
import { readPods } from './pods/read-pods.js';
import { askListeners } from './probes/ask-listeners.js';
import { once, type ScanOptions } from './scan-cluster.js';
import { tokenOfSecret } from './tokens/token-facts.js';

export interface FullScanOptions extends ScanOptions {
  readonly tls: TlsProbe;
  /** As for a plan: whatever of nodes and objects could not be read is thrown, as by `scanCluster`. */
  readonly strict?: boolean;
}

/**
 * As `scanCluster`, with pods, servers that API servers call, tokens, what listeners present, and findings. What fails for one host or
 * one kind of object becomes `unseen`. Throws RotationError if nothing at all could be seen, and `interrupted`.
 */
export async function fullScan(options: FullScanOptions): Promise<Inventory> {
  const { strict = false } = options;
  const pool = openPool();
  const ofNodes: FullFindings[] = [];
  const seen = await gather({
    ...options,
    script: strict ? collectScript : fullScript,
    alone: !strict,
    pool,
    onOutput: (host, output) => ofNodes.push(readFullFindings(host, output, pool)),
  });
  if (strict && seen.failures.length > 0) throw new RotationError(once(seen.failures.map(({ failure }) => failure)));
  if (seen.nodes.length === 0 && seen.cluster === undefined) throw new RotationError(seen.failures.map(({ failure }) => failure));
  const tokens = tokensOf(seen.raw);
  const [pods, asked, called] = await Promise.all([
    readPods(options.kube, seen.call, { objects: seen.objects, tokenSecrets: new Set(tokens.map(({ place }) => place.replace('Secret ', ''))) }, seen.collect).catch(
      (error: unknown) => seen.collect('Pod', error) ?? [],
    ),
    askListeners(options, seen),
    askCalled(options, seen, seen.raw.flatMap(calledIn)),
  ]);
  const interrupted = seen.failures.find(({ failure }) => failure.code === 'interrupted');
  if (interrupted !== undefined) throw new RotationError(interrupted.failure);
  const inventory: Inventory = {
    apiVersion: 'rotate-ca/v1',
    kind: 'Inventory',
    takenAt: new Date(options.now()).toISOString(),
    cluster: seen.cluster ?? { uid: '', server: options.kube.server, version: '' },
    nodes: asked.nodes,
    objects: seen.objects,
    pods,
    called: called.servers,
    tokens: [...tokens, ...ofNodes.flatMap((one) => one.tokens).toSorted(byText(({ place }) => place))],
    unseen: unseenOf(seen, [...ofNodes.flatMap((one) => one.unseen), ...asked.unseen, ...called.unseen]),
  };
  const found = [...ofNodes.flatMap((one) => one.findings).toSorted(byText(({ place }) => place)), ...seen.raw.flatMap((object) => findingsIn(object, pool))];
  const missing = inventory.nodes.flatMap((node) => missingReferences(ofNodes.find((one) => one.node === node.name)?.references ?? [], node));
  return { ...inventory, certificates: pool.all(), findings: [...found, ...missing, ...findingsOf(inventory)] };
}

function tokensOf(raw: readonly KubeObject[]): TokenRecord[] {
  return raw.flatMap((object) => {
    const token = tokenOfSecret(object);
    return token === undefined ? [] : [token];
  });
}

function unseenOf(seen: Gathered, further: readonly Unseen[]): Unseen[] {
  const failed = seen.failures.map(({ place, failure }) => ({ place: failure.target === '' ? place : failure.target, why: whyOf(place, failure) }));
  const without = seen.nodes.filter(({ tools }) => !tools.openssl).map(({ name }) => ({ place: name, why: 'there is no openssl: the public halves of its keys were not seen' }));
  const all = [...failed, ...without, ...further];
  return all.filter(({ place, why }, index) => all.findIndex((one) => one.place === place && one.why === why) === index);
}

/** A refusal of the API comes with its server as the target: of which kind it is, the place says. */
function whyOf(place: string, { target, summary, cause }: Failure): string {
  const what = place === target ? '' : `${place}: `;
  return redact(`${what}${summary}${cause === '' ? '' : `: ${cause}`}`);
}
