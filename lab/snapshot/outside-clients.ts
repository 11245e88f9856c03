import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Lab } from '../lab.js';

const workloadsFolder = join(dirname(fileURLToPath(import.meta.url)), '..', 'workloads');

/** Programs outside of the cluster that belong to the workloads. */
export async function startOutsideClients(lab: Lab): Promise<boolean> {
  if (lab.layout.workloads !== 'felt') return false;
  if (!existsSync(join(workloadsFolder, 'external-client.ts'))) return false;
  const { startExternalClient } = await import('../workloads/external-client.js');
  await startExternalClient(lab);
  return true;
}
