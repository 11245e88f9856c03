/** Scans a cluster, and reads and writes what a scan has found. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import type { Inventory } from '../domain/cluster/inventory.js';
import { fail } from '../domain/errors.js';
import { redact } from '../domain/redact.js';
import { readWorkloads } from '../scan/objects/read-workloads.js';
import type { Difference } from '../scan/differences.js';
import { scanDifferences } from '../scan/scan-differences.js';
import { fullScan } from '../scan/full-scan.js';
import { readRecording } from './read-recording.js';
import { openWorld } from './world.js';

export interface ScanNowOptions {
  readonly inventoryFile: string;
  readonly kubeconfig: string;
  readonly context: string;
  readonly sshConfig?: string;
  readonly knownHosts?: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Reads only. Throws inventory-invalid, kubeconfig-invalid, interrupted, and what kept it from seeing anything at all. */
export async function scanNow({ env, signal, ...settings }: ScanNowOptions): Promise<Inventory> {
  const world = await openWorld({ settings: { ...settings, vault: { address: '', mount: '' } }, env });
  try {
    const kube = world.access.kube();
    const inventory = await fullScan({ hosts: world.hosts, shells: world.shells, kube, tls: world.tls, signal, now: Date.now });
    const workloads = await readWorkloads(kube, { deadlineMs: 60_000, signal }).catch(() => undefined);
    return workloads === undefined ? inventory : { ...inventory, workloads };
  } finally {
    await world.close();
  }
}

/** What "-o json" and a file have: every text without what looks like a secret. */
export function withoutSecrets(inventory: Inventory): Inventory {
  return JSON.parse(JSON.stringify(inventory, (_, value: unknown) => (typeof value === 'string' ? redact(value) : value))) as Inventory;
}

/** Throws usage if the file cannot be written. */
export function saveScan(file: string, inventory: Inventory): void {
  try {
    writeFileSync(resolve(file), `${JSON.stringify(withoutSecrets(inventory), null, 1)}\n`, { mode: 0o600 });
  } catch (error) {
    fail('usage', {
      target: file,
      summary: 'the scan cannot be written there',
      cause: error instanceof Error ? error.message : String(error),
      nextAction: 'Give --out a file in a folder that exists.',
    });
  }
}

export function scanAsYaml(inventory: Inventory): string {
  return stringify(withoutSecrets(inventory), { aliasDuplicateObjects: false, lineWidth: 0 }).trimEnd();
}

/** What matters for trust and differs between two scan files (or plans). Throws usage, inventory-invalid, plan-invalid. */
export function differencesOfFiles(before: string, after: string): Difference[] {
  return scanDifferences(readScan(before), readScan(after));
}

function readScan(file: string): Inventory {
  const path = resolve(file);
  if (!existsSync(path)) fail('usage', { target: '--diff', summary: `there is no file ${path}`, nextAction: 'Give two files that "rotate-ca scan --out FILE" has written.' });
  return readRecording(readFileSync(path, 'utf8'), file);
}
