/** A playbook by file name, or by the name of one that comes with rotate-ca. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from '../domain/errors.js';

export function playbookFile(given: string): string {
  const own = fileURLToPath(new URL(`../../playbooks/${given}.yaml`, import.meta.url));
  if (/^[a-z0-9-]+$/.test(given) && existsSync(own)) return own;
  if (existsSync(given)) return resolve(given);
  return fail('usage', { target: '--playbook', summary: `there is no playbook "${given}"`, nextAction: 'Give a file, or "cluster-ca".' });
}
