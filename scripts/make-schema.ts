/** Writes schema/playbook.schema.json from the schemas in the code. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { playbookJsonSchema } from '../src/domain/plan/playbook-schema.js';
import { stepKinds } from '../src/steps/index.js';

const folder = new URL('../schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('playbook.schema.json', folder), `${JSON.stringify(playbookJsonSchema(stepKinds), null, 2)}\n`);
