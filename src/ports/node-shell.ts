/** What the engine does on nodes: run a script as root, read files, replace them atomically. */

import type { Secret } from '../domain/secret.js';

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
  /** Given to the script on its standard input: the only way for secrets to a node. */
  readonly stdin?: string | Uint8Array | Secret;
  /** Keep what it says away from every error and log, because it holds a secret; of its errors only the kernel's own words are told. */
  readonly secretOutput?: boolean;
}

export interface FileAttributes {
  /** Octal, four digits: "0600". */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  /** SELinux label, where there is one. */
  readonly label?: string;
}

export interface FileContent extends FileAttributes {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly mtimeMs: number;
  /** Set for a symlink: where it leads. `bytes` are then those of the file it leads to, empty if it leads nowhere. */
  readonly linkTo?: string;
}

export interface NewContent extends FileAttributes {
  readonly bytes: Uint8Array | Secret;
}

/** All methods throw RotationError: ssh-unreachable, ssh-auth-failed, ssh-host-key-*, ssh-lost, sudo-refused, deadline-exceeded, interrupted. */
export interface NodeShell {
  readonly node: string;
  /** Runs a POSIX shell script as root. A non-zero status is a result, not an error. The script text is no place for secrets. */
  run(script: string, options: RunOptions): Promise<CommandResult>;
  /** As `run`, but a non-zero status throws `command-failed` with the end of stderr. Returns stdout. */
  must(script: string, options: RunOptions): Promise<string>;
  /** undefined if there is no such file. */
  readFile(path: string, options: { deadlineMs: number; signal?: AbortSignal }): Promise<FileContent | undefined>;
  /** Several at once, in one round trip. The map has only the files that exist. */
  readFiles(paths: readonly string[], options: { deadlineMs: number; signal?: AbortSignal }): Promise<Map<string, FileContent>>;
  /**
   * Temporary dot-file in the same folder, owner and mode before content, fsync, rename, fsync of the folder, read again and hashed.
   * The folder must exist. A reader sees the content before or after, never a part.
   */
  replaceFile(path: string, content: NewContent, options: { deadlineMs: number; signal?: AbortSignal }): Promise<void>;
  /** Several in one round trip, in this order, each as by replaceFile: before the first is replaced the content of all is there, and no rename begins before the one before it is on disk. */
  replaceFiles(files: readonly ({ readonly path: string } & NewContent)[], options: { deadlineMs: number; signal?: AbortSignal }): Promise<void>;
  /** Atomically makes `path` a symlink to `linkTo`. */
  replaceLink(path: string, linkTo: string, options: { deadlineMs: number; signal?: AbortSignal }): Promise<void>;
  /** Removes a file; nothing happens if it is not there. */
  removeFile(path: string, options: { deadlineMs: number; signal?: AbortSignal }): Promise<void>;
}

/** Shells of the nodes of an inventory; connections are made when first needed and kept. */
export interface Shells {
  to(node: string): NodeShell;
  close(): Promise<void>;
}
