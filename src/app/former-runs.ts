/** What earlier runs on the same cluster have seen of it: credentials that audit logs still name are known by them. */

import { dirname } from 'node:path';
import type { Inventory } from '../domain/cluster/inventory.js';
import { failuresOf } from '../domain/errors.js';
import { listRuns } from './list-runs.js';
import { openRunFolder, type RunFolder } from './run-folder.js';

/** Inventories of the first plans of other runs in the same state folder. What cannot be read any more is left out: nothing depends on it. */
export function formerInventories(folder: RunFolder, uid: string): Inventory[] {
  const stateDir = dirname(dirname(folder.folder));
  return listRuns(stateDir)
    .filter((run) => run !== folder.run)
    .flatMap((run) => {
      try {
        const { inventory } = openRunFolder(stateDir, run).plan();
        return inventory.cluster.uid === uid ? [inventory] : [];
      } catch (error) {
        if (failuresOf(error) === undefined && !(error instanceof Error && 'errno' in error)) throw error;
        return [];
      }
    });
}
