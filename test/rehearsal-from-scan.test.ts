/** A scan of one staging cluster, saved as users save it, and a rehearsal on a cluster like it. */

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecording } from '../src/app/read-recording.js';
import { rehearsalEnv } from '../src/app/rehearse-settings.js';
import { saveScan, scanNow } from '../src/app/scan.js';
import type { Inventory } from '../src/domain/cluster/inventory.js';
import { startStaging } from '../src/staging/cluster.js';
import { specSomewhere } from '../src/staging/topology.js';
import { nothing, type RehearsalPlace, rehearsalPlace, type StartedRehearsal } from './support/rehearsal.js';

const folder = mkdtempSync(join(tmpdir(), 'rotate-ca-from-scan-'));
const file = join(folder, 'scan.json');
const auditFlags = { 'audit-log-path': '/var/log/kubernetes/audit.log', 'audit-policy-file': '/etc/kubernetes/audit/policy.yaml' };
let place: RehearsalPlace;
let scan: Inventory;

/** The cluster that is scanned is gone before the rehearsal begins. */
beforeAll(async () => {
  setMaxListeners(0);
  place = rehearsalPlace();
  const spec = await specSomewhere('small', { uid: randomUUID(), nowMs: Date.now() });
  const nodes = spec.nodes.map((node) =>
    node.roles.includes('control-plane') ? { ...node, name: 'front', flags: { 'kube-apiserver': auditFlags } } : { ...node, name: 'back', via: 'front' },
  );
  const staging = await startStaging({ spec: { ...spec, nodes }, folder: join(folder, 'cluster'), speed: 30 });
  try {
    expect(staging.notReady).toEqual([]);
    const { inventoryFile, kubeconfig, sshConfig, knownHosts } = staging.operator;
    const reach = { inventoryFile, kubeconfig, context: '', sshConfig, knownHosts };
    saveScan(file, await scanNow({ ...reach, env: rehearsalEnv(staging.operator, process.env), signal: new AbortController().signal }));
  } finally {
    await staging.stop();
  }
  scan = readRecording(readFileSync(file, 'utf8'), file);
});
afterAll(() => {
  place.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('a scan', () => {
  it('is read again with all that was seen', () => {
    expect(scan.nodes.map(({ name, roles }) => [name, roles])).toEqual([
      ['front', ['control-plane']],
      ['back', ['worker']],
    ]);
    expect(scan.findings).toEqual([]);
    expect(scan.workloads?.length).toBeGreaterThan(5);
  });

  it('is enough for a rehearsal on a cluster like it', async () => {
    // A machine that is busy with much else can miss three answers of the API in a row, which holds a run.
    let [run, summary] = await rehearsed();
    for (let tries = 0; tries < 3 && isHeld(summary); tries++) [run, summary] = await rehearsed();
    expect(summary, run.stderr()).toMatchObject({ state: 'succeeded', failures: [], sweep: { nodes: 2, found: [] } });
    // It can miss the second that a request has, too.
    expect(summary?.troubles?.filter((trouble) => !/requests/.test(trouble))).toEqual([]);
    expect(run.stderr()).toContain('1 control plane, 1 worker');
    expect(place.left()).toEqual(nothing);
  });
});

interface Summary {
  readonly kind: string;
  readonly state?: string;
  readonly troubles?: readonly string[];
  readonly failures?: readonly { readonly code: string }[];
}

async function rehearsed(): Promise<[StartedRehearsal, Summary | undefined]> {
  const run = place.start(['--from', file, '-o', 'json', '--speed', '30']);
  await run.ended;
  const lines = run
    .stdout()
    .split('\n')
    .filter((line) => line !== '');
  return [run, lines.map((line) => JSON.parse(line) as Summary).find(({ kind }) => kind === 'Rehearsal')];
}

function isHeld(summary: Summary | undefined): boolean {
  return summary?.failures?.some(({ code }) => code === 'api-went-away' || code === 'deadline-exceeded') === true;
}
