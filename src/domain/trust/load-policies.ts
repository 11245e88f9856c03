/** How a component of a release takes what is stored: looked up in the table, with where that is known from. */

import type { LoadPolicy } from './graph.js';
import { type LoadRow, loadPolicyTable } from './load-policy-table.js';

export interface LoadRule {
  readonly policy: LoadPolicy;
  /** Repository, file and function in which it was read. */
  readonly source: string;
  /** Shown on the lab, on that very release. */
  readonly proved: boolean;
}

/** The first is taken up soonest. */
const byDelay: readonly LoadPolicy[] = ['per-use', 'per-handshake', 'watched', 'token-file', 'hot', 'polled', 'volume', 'once', 'memory'];

const unknownInput: LoadRule = { policy: 'once', source: 'not in the table: taken to be read at start', proved: false };

/**
 * `version` is that of the component (`v1.34.1`), of etcd its own, of a pod that of Kubernetes whose client-go it is built with. Where it is not known,
 * the slowest of the rows holds; of what is older or newer than the table, the nearest.
 */
export function loadPolicy(component: string, input: string, version: string): LoadRule {
  const rows = loadPolicyTable.filter((row) => row.component === component && row.inputs.includes(input));
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  // Only rows of Kubernetes releases differ: those of etcd hold for all.
  const known = minor === undefined ? rows : rows.filter(({ since = 0, until = Number.POSITIVE_INFINITY }) => since <= Number(minor) && Number(minor) <= until);
  const row = known.toSorted((a, b) => byDelay.indexOf(b.policy) - byDelay.indexOf(a.policy))[0];
  return row === undefined ? unknownInput : { policy: row.policy, source: row.source, proved: isProved(row, `${major}.${minor}`) };
}

function isProved({ provedOn }: LoadRow, release: string): boolean {
  return provedOn.includes(release);
}
