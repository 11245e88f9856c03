/** The table of behaviours on the real cluster: what staging is measured by. Those that take minutes run with `--all`. */

import { freshLab } from '../../lab/tests/fresh-lab.js';
import { openLabWorld } from '../fidelity/lab-world.js';
import { runTable } from '../fidelity/run-table.js';
import { behaviours } from '../fidelity/table.js';

const all = process.env.ROTATE_CA_TEST_ALL === '1';

runTable(
  'the lab behaves as the reference says',
  async () => openLabWorld(await freshLab()),
  behaviours.filter(({ slow }) => all || slow !== true),
);
