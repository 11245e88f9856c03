/** A playbook by file name, or by the name of one that comes with rotate-ca. */

import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from '../domain/errors.js';

/** The playbook of a saved plan, where it still is, or the one of its name that comes with rotate-ca; undefined if the file tells none: who reads the plan says what is wrong with it. */
export function playbookOfPlan(planFile: string): string | undefined {
  try {
    const { playbook } = JSON.parse(readFileSync(planFile, 'utf8')) as { playbook?: { file?: unknown } };
    if (typeof playbook?.file !== 'string') return undefined;
    return existsSync(playbook.file) ? playbook.file : playbookFile(basename(playbook.file, '.yaml'));
  } catch {
    return undefined;
  }
}

export function playbookFile(given: string): string {
  const own = fileURLToPath(new URL(`../../playbooks/${given}.yaml`, import.meta.url));
  if (/^[a-z0-9-]+$/.test(given) && existsSync(own)) return own;
  if (existsSync(given)) return resolve(given);
  return fail('usage', { target: '--playbook', summary: `there is no playbook "${given}"`, nextAction: 'Give a file, "cluster-ca" or "hard-way-cutover".' });
}
