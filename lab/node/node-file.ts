/** A file below a node's root. */
export interface NodeFile {
  readonly path: string;
  readonly content?: string;
  /** A symbolic link to this, instead of a content. */
  readonly link?: string;
  readonly mode?: number;
  /** Numeric user and group, of its folder too; root unless told. */
  readonly owner?: number;
}
