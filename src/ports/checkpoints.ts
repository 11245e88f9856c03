/** What undo needs, encrypted, by reference and digest. */

export interface SavedFile {
  readonly path: string;
  /** false: there was no such file, and undo removes it. */
  readonly existed: boolean;
  readonly bytesBase64?: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly label?: string;
  readonly linkTo?: string;
}

export interface SavedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  /** undefined: it did not exist. */
  readonly object?: unknown;
}

/** Everything that `undo` of one step on one target puts back. May hold key material: it only ever exists in memory and encrypted. */
export interface Checkpoint {
  readonly files: readonly SavedFile[];
  readonly objects: readonly SavedObject[];
  /** What else a kind wants to remember; plain JSON. */
  readonly notes: Readonly<Record<string, unknown>>;
}

export interface CheckpointRef {
  readonly ref: string;
  /** SHA-256 of the ciphertext. */
  readonly sha256: string;
}

export interface Checkpoints {
  /** Encrypts to a file and checks that it is durable. A reference is never written twice. */
  save(key: { step: string; target: string; attempt: number }, checkpoint: Checkpoint): Promise<CheckpointRef>;
  /** Throws RotationError checkpoint-damaged, recipients-unusable. */
  load(ref: CheckpointRef): Promise<Checkpoint>;
  /** Encrypts and decrypts a canary with the recipients and identity of the run. Throws recipients-unusable. */
  prove(): Promise<void>;
  /** Encrypts a larger blob (backup archive, etcd snapshot) as a file of the run. */
  saveBlob(name: string, bytes: Uint8Array): Promise<CheckpointRef>;
}
