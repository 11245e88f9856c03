/** What a staging cluster in a process of its own is asked and answers, over the IPC channel of Node. Plain JSON. */

import type { Activity } from './activity.js';
import type { ApiFault, FileFault, SshFault } from './faults.js';
import type { PodCounters } from './kubelet/kubelet-parts.js';
import type { OperatorFiles } from './operator-files.js';
import type { ClusterSpec } from './spec.js';
import type { SweepResult } from './sweep.js';
import type { Serving } from './workload-counters.js';

/** A switch of faults.ts, or of a node; without a value it is taken back. */
export type FaultSetting =
  | { readonly table: 'ssh'; readonly node: string; readonly value?: SshFault }
  | { readonly table: 'files'; readonly node: string; readonly value?: FileFault }
  | { readonly table: 'api'; readonly node: string; readonly value?: ApiFault }
  | { readonly table: 'kubelets' | 'etcd'; readonly node: string; readonly value?: true }
  | { readonly table: 'skew'; readonly node: string; readonly value?: number }
  | { readonly table: 'power'; readonly node: string; readonly value?: 'off' }
  /** Ends a component of the node as SIGKILL does. Nothing to take back: the kubelet starts it again, unless another fault hinders it. */
  | { readonly table: 'crash'; readonly node: string; readonly value?: 'etcd' | 'kube-apiserver' | 'kubelet' }
  /** `expired` ends the tokens that there are; new ones can be had. */
  | { readonly table: 'vault'; readonly value?: 'sealed' | 'expired' | 'denied' }
  /** A validating webhook for what a rotation writes, with failurePolicy Fail, whose service does not answer. */
  | { readonly table: 'webhook'; readonly value?: true }
  /** A worker of this name joins; it leaves when it is taken back. */
  | { readonly table: 'join'; readonly node: string; readonly value?: true }
  /** Another hand writes a file; a value that is missing writes nothing. */
  | { readonly table: 'file'; readonly node: string; readonly path: string; readonly value?: { readonly from: string } | { readonly append: string } };

export interface Started {
  readonly operator: OperatorFiles;
  readonly tookMs: number;
  /** What is not as it should be after the start: a kubelet whose certificate has expired. */
  readonly notReady: readonly string[];
}

/** What pods have felt, and how long this process has stood still at most: on a machine that is busy with something else a request takes as long. */
export interface Felt extends PodCounters {
  readonly serving: Serving;
  readonly longestStallMs: number;
}

/** By name of the call: arguments and result. */
export interface Calls {
  start: { args: { readonly spec: ClusterSpec; readonly folder: string; readonly speed: number }; result: Started };
  fault: { args: FaultSetting; result: null };
  clearFaults: { args: Record<string, never>; result: null };
  save: { args: { readonly folder: string }; result: null };
  /** Result: what is still missing after a minute. */
  load: { args: { readonly folder: string }; result: readonly string[] };
  /** What the cluster has been asked so far: the difference of two tells what happened between them. */
  activity: { args: Record<string, never>; result: Activity };
  /** Waits until every kubelet and every leader has been heard of again. Result: what is still missing after a minute. */
  settle: { args: Record<string, never>; result: readonly string[] };
  counters: { args: Record<string, never>; result: Felt };
  sweep: { args: { readonly caPem: string }; result: SweepResult };
  stop: { args: Record<string, never>; result: null };
}

export type CallName = keyof Calls;

export interface Call<Name extends CallName = CallName> {
  readonly id: number;
  readonly call: Name;
  readonly args: Calls[Name]['args'];
}

/** `failures`: a RotationError's, by which the other side makes one again. */
export type Reply = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string; readonly failures?: readonly unknown[] };
