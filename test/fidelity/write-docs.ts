/** Writes the table of docs/fidelity.md anew from what was recorded: `tsx test/fidelity/write-docs.ts`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tableOf, withTable } from './docs-table.js';
import { seenIn } from './report.js';
import { behaviours } from './table.js';

const file = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'docs', 'fidelity.md');
writeFileSync(file, withTable(readFileSync(file, 'utf8'), tableOf(behaviours, seenIn('lab'), seenIn('staging'))));
