/** Whose session it is, and on which node. */

import type { FileFault } from '../faults.js';
import type { StagingNode } from '../node/staging-node.js';

export interface SessionAbout {
  readonly node: StagingNode;
  readonly user: string;
  fileFault(): FileFault | undefined;
  /** Told each command line before it runs. */
  onCommand?(line: string): void;
}
