/** What a step does to what is stored, and which processes it starts anew: data, for the proof of a plan. Each kind of step says it of itself. */

import type { Inventory } from '../cluster/inventory.js';
import type { Content, InputId, PlaceId, ProcessId, TrustGraph } from './graph.js';

export type Generation = 'outgoing' | 'incoming';

export type Change =
  /** The CA of the rotation in a trust bundle becomes these, in this order; other CAs in it stay. A place that is not there yet is made. */
  | { readonly type: 'trust'; readonly place: PlaceId; readonly cas: readonly Generation[] }
  /** A leaf is issued anew by that CA, with subject, names and usages as before. */
  | { readonly type: 'leaf'; readonly place: PlaceId; readonly ca: Generation }
  /** The key that comes with a leaf that is issued anew: a place that holds keys. */
  | { readonly type: 'key'; readonly place: PlaceId; readonly ca: Generation }
  /** Exactly these: an operator's own files. */
  | { readonly type: 'put'; readonly place: PlaceId; readonly content: Content }
  | { readonly type: 'copy'; readonly from: PlaceId; readonly to: PlaceId }
  | { readonly type: 'remove'; readonly place: PlaceId }
  /** An input is read from another place from now on (a flag has changed); it is loaded when its process starts anew. */
  | { readonly type: 'read'; readonly input: InputId; readonly from: PlaceId }
  /** The process starts anew: all that it reads is loaded from what is stored. */
  | { readonly type: 'restart'; readonly process: ProcessId };

/** Of one target of a step. Its changes happen in their order; those of several targets of a step in any. */
export interface TargetChanges {
  /** Node name, or 'cluster'. */
  readonly target: string;
  readonly changes: readonly Change[];
}

/** What a kind may look at to say what it changes. */
export interface ChangeContext {
  readonly inventory: Inventory;
  readonly graph: TrustGraph;
  /** Node name, or 'cluster'. */
  readonly target: string;
}
