/** The table of behaviours on a staging cluster. The same table runs on the real one: `npm run test:lab -- --only fidelity`. */

import { openStagingWorld } from './staging-world.js';
import { runTable } from './run-table.js';
import { behaviours } from './table.js';

runTable('staging behaves as a cluster does', () => openStagingWorld(), behaviours);
