/** What most kinds have in common that only read, wait or check: nothing is written, so there is nothing to find again and nothing to take back. */

import type { Checkpoint } from '../ports/checkpoints.js';
import type { Inspection, StepKind } from '../ports/step-kind.js';

type Phases = 'effects' | 'preflight' | 'checkpoint' | 'apply' | 'inspect' | 'verify' | 'undo';

/** Of a kind that needs nothing for its way back. */
export const nothingToKeep: Checkpoint = { files: [], objects: [], notes: {} };

/** The phases of a kind that does nothing at all; a kind spreads it and writes those that it has. */
export const readsOnly: Pick<StepKind<unknown>, Phases> = {
  effects: () => [],
  preflight: () => Promise.resolve([]),
  checkpoint: () => Promise.resolve(nothingToKeep),
  apply: () => Promise.resolve(),
  inspect: () => Promise.resolve<Inspection>('present'),
  verify: () => Promise.resolve([]),
  undo: () => Promise.resolve(),
};
