/** A trust graph made small enough to look at: hosts in frames, processes in boxes, edges in lines, and what each step of a plan does to them. Plain data. */

import type { EdgeClass, EdgeId, ProcessId, Verdict } from '../domain/trust/graph.js';

/** `other`: a CA that the rotation does not touch. */
export type CaGeneration = 'outgoing' | 'incoming' | 'other';

/** One CA, as a place holds it or as the issuer of a leaf. */
export interface Ca {
  /** For a human: `kubernetes`. */
  readonly name: string;
  readonly generation: CaGeneration;
}

/** What a box trusts or presents of one CA, and in how many of its processes. */
export interface Mark {
  readonly ca: Ca;
  readonly processes: number;
}

export interface Frame {
  readonly id: string;
  /** `cp1..cp3 (3)`. Empty: processes that are on no host. */
  readonly title: string;
  readonly hosts: readonly string[];
}

export interface Box {
  readonly id: string;
  readonly frame: string;
  /** `kube-apiserver`, `pods`. */
  readonly title: string;
  readonly processes: readonly ProcessId[];
}

export type Leg = 'server' | 'client' | 'token';

/** All edges of one class between the processes of two boxes. */
export interface Line {
  readonly id: string;
  readonly class: EdgeClass;
  readonly from: string;
  readonly to: string;
  /** Pairs of a client and a server. The two legs of one connection count once. */
  readonly connections: number;
  readonly legs: readonly Leg[];
  readonly edges: readonly EdgeId[];
}

/** Of one leg of a line at one moment: the worst verdict, and how many of its edges have it. */
export interface LegView {
  readonly leg: Leg;
  readonly verdict: Verdict;
  readonly edges: number;
  readonly of: number;
}

export interface LineView {
  readonly verdict: Verdict;
  readonly legs: readonly LegView[];
}

export interface BoxView {
  readonly trusts: readonly Mark[];
  readonly presents: readonly Mark[];
  /** Processes that this step starts anew. */
  readonly restarts: number;
  /** Processes that have something else loaded than what is stored, and do not load it by themselves. */
  readonly behind: number;
}

/** One thing to read beside the picture. `line` or `box` is what it belongs to. */
export interface Note {
  readonly verdict?: Verdict;
  readonly text: string;
  readonly detail: readonly string[];
  readonly line?: string;
}

/** How things stand before the plan (`now`) or in and after one of its steps. */
export interface Moment {
  /** Step of the plan: `reissue-kubelets/2`; `now` for the first. */
  readonly step: string;
  readonly title: string;
  /** By id of the line. */
  readonly lines: ReadonlyMap<string, LineView>;
  /** By id of the box. */
  readonly boxes: ReadonlyMap<string, BoxView>;
  /** Edges by verdict, over the whole graph. */
  readonly totals: ReadonlyMap<Verdict, number>;
  readonly changes: readonly Note[];
  readonly restarts: readonly Note[];
  /** What this step does to edges. */
  readonly findings: readonly Note[];
  /** What has failed since a step before. */
  readonly standing: readonly Note[];
  /** Of what this step does. */
  readonly worst: Verdict;
}

export interface Picture {
  readonly title: string;
  readonly frames: readonly Frame[];
  readonly boxes: readonly Box[];
  readonly lines: readonly Line[];
  /** Every CA that some box trusts or presents at some moment. */
  readonly cas: readonly Ca[];
  /** At least one: now. */
  readonly moments: readonly Moment[];
  readonly hosts: number;
  readonly unseen: readonly string[];
}
