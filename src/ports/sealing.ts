/** Encryption of what undo needs: only the operator's identity opens it. */

export interface Sealing {
  /** Encrypts to all recipients of the run. Throws RotationError recipients-unusable. */
  seal(bytes: Uint8Array): Promise<Uint8Array>;
  /** Throws RotationError recipients-unusable if the identity does not fit, checkpoint-damaged if the bytes are not whole; `target` is named in both. */
  open(bytes: Uint8Array, target: string): Promise<Uint8Array>;
  /** Recipients and identity, public halves only, for messages. */
  describe(): string;
}
