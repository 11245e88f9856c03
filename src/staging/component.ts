/** The socket for what runs in a staging cluster: kube-apiserver, etcd, kube-controller-manager, kube-scheduler, and as units kubelet and kube-proxy. */

import type { StagingClock } from './clock.js';
import type { Store } from './api/store.js';
import type { Faults } from './faults.js';
import type { StagingNode, StagingProcess } from './node/staging-node.js';
import type { ClusterSpec, NodeSpec } from './spec.js';

/** What all parts of one staging cluster share. */
export interface StagingContext {
  readonly spec: ClusterSpec;
  readonly clock: StagingClock;
  /** The data of etcd: API servers read and write it only while their etcd member serves them. */
  readonly store: Store;
  readonly faults: Faults;
  /** Throws for a name that is not known. */
  node(name: string): StagingNode;
  nodes(): readonly StagingNode[];
  specOf(name: string): NodeSpec;
  /** Trouble inside of the simulation, for the log file of the cluster; no secrets. */
  log(line: string): void;
}

export interface ComponentStart {
  readonly context: StagingContext;
  readonly node: StagingNode;
  /** Already visible below /proc; its `args` hold the flags. Files are read through it, never from the node directly. */
  readonly process: StagingProcess;
  /** Flags without leading dashes. */
  readonly flags: Readonly<Record<string, string>>;
  /** A line of its log. */
  log(line: string): void;
}

export interface RunningComponent {
  /** Ends it in an orderly way; resolves when its ports are closed. */
  stop(): Promise<void>;
  /** Resolves when it ended by itself (a crash), with the reason; never rejects. */
  readonly ended: Promise<string>;
  /** Resolves when it would tell systemd so (Type=notify). Without: it is ready as soon as it runs. */
  readonly ready?: Promise<void>;
}

/** Starts a component that is ready to serve when this resolves. Throws with the line that the real one would log when it crashes at start. */
export type StartComponent = (start: ComponentStart) => Promise<RunningComponent>;

/** By argv[0]: "kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler". Given to kubelets, which run static pods, or to the units of a node. */
export type Components = ReadonlyMap<string, StartComponent>;
