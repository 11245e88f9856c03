/** What the controllers of one kube-controller-manager share while it leads. */

import type { StoredObject } from '../api/store.js';
import type { StagingContext } from '../component.js';
import type { KubeCalls } from './kube-calls.js';
import type { ObjectCache } from './object-cache.js';
import type { SigningPair } from './signing-pair.js';
import type { WorkQueue, WorkQueueOptions } from './work-queue.js';

export interface ControllerWorld {
  readonly context: StagingContext;
  readonly kube: KubeCalls;
  /** One list and watch of a kind, shared by all that ask. */
  cache(kind: string): ObjectCache;
  /** The clock of the node, Unix ms. */
  now(): number;
  log(line: string): void;
  /** Bytes of --root-ca-file as they were when the process started (R). undefined: the flag is not set. */
  readonly rootCa: string | undefined;
  /** PEM of --service-account-private-key-file at process start (R). */
  readonly tokenKeyPem: string | undefined;
  /** undefined: external CA mode, nothing is signed. */
  readonly signer: SigningPair | undefined;
  readonly signingDurationMs: number;
  /** A queue that ends with this term of leading. */
  queue(name: string, act: (key: string) => Promise<boolean>, limits?: Pick<WorkQueueOptions, 'pauseMs' | 'retries'>): WorkQueue;
  /** Runs again and again while it leads, one after the other. */
  every(realMs: number, name: string, act: () => Promise<void>): void;
}

/** Begins its work; all it started ends through the world. */
export type Controller = (world: ControllerWorld) => void;

export function ownerOf(object: StoredObject): { readonly kind: string; readonly name: string; readonly uid: string } | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

export function ownedBy(objects: readonly StoredObject[], uid: string): StoredObject[] {
  return objects.filter((object) => ownerOf(object)?.uid === uid);
}
