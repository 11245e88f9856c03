/** The table of docs/load-policies.md on the real cluster: what is stored is changed, and it is seen when its reader takes it. */

import { freshLab, layoutOfScenario } from '../../lab/tests/fresh-lab.js';
import { layouts } from '../../lab/layout.js';
import { openLabWorld } from '../fidelity/lab-world.js';
import { runTable } from '../fidelity/run-table.js';
import { behaviours } from '../fidelity/table.js';
import { experiments, rowsOfBehaviours } from '../load-policies/table.js';

runTable('components take what is stored as the table says', async () => openLabWorld(await freshLab()), [
  ...behaviours.filter(({ id }) => id in rowsOfBehaviours),
  ...experiments(layouts[layoutOfScenario()].release),
]);
