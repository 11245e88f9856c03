/** The main job on the real cluster, hands off: every probe answered, nothing restarted, in time, and where the time went. */

import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { copyAdminKubeconfig } from '../../lab/cluster/admin-access.js';
import type { Lab } from '../../lab/lab.js';
import { holderEdges } from '../../lab/probes/mounted-volume.js';
import { formatSummary, totalsBy } from '../../lab/probes/summary.js';
import { evictionsSince } from '../../lab/tests/events.js';
import { readKubeconfig } from '../../lab/tests/certificates.js';
import { describeMachine, feltOf, nothingFelt, type Probed, startClients } from '../../lab/tests/clients.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { atMilestones } from '../../lab/tests/milestones.js';
import { type Unready, watchNodes } from '../../lab/tests/node-watch.js';
import { newOperator } from '../../lab/tests/operator.js';
import type { Ended } from '../../lab/tests/program.js';
import { forgetRotation, recordRotation } from '../../lab/tests/rotation-record.js';
import { formatRunFigures, rollSeconds, totalSeconds } from '../../lab/tests/run-figures.js';
import { serverProcesses } from '../../lab/tests/server-processes.js';
import { feltUntilNow, readCounters } from '../../lab/workloads/counters.js';
import type { FeltVerdict } from '../../lab/workloads/felt-verdict.js';
import { namespace } from '../../lab/workloads/manifests.js';

const goalMinutes = 6;
const limitMinutes = 9;
const limitMiB = 300;
/** What a kubelet may take to post its status again after its restart (10 s) and a busy machine. */
const kubeletRestartSeconds = 40;

interface Rotated {
  readonly ended: Ended;
  /** What went wrong for the owners of clients outside; empty if they all did their part. */
  readonly ownersTrouble: string;
  readonly probes: Probed;
  readonly felt: FeltVerdict;
  readonly unready: readonly Unready[];
  readonly evicted: readonly string[];
  readonly processes: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> };
}

let lab: Lab;
let rotated: Rotated;

describe('a full rotation', () => {
  beforeAll(async () => {
    lab = await freshLab();
    forgetRotation(lab);
    rotated = await rotate(lab);
    report(rotated);
  });

  it('ends with success, without a hand', () => {
    expect({ code: rotated.ended.code, failures: rotated.ended.failures }).toEqual({ code: 0, failures: [] });
  });

  it('comes to every moment at which the owners of clients outside do their part', () => {
    expect(rotated.ownersTrouble).toBe('');
  });

  it('fails no probe', () => {
    expect(feltOf(rotated.probes)).toEqual(nothingFelt);
  });

  it('was probed by every class of client, through the load balancer and at each API server', () => {
    expect(totalsBy(rotated.probes.summary, 'class').map(({ name }) => name)).toEqual(
      expect.arrayContaining(['outgoing-kubeconfig', 'projected-token', 'outgoing-leaf', 'incoming-leaf']),
    );
    expect(totalsBy(rotated.probes.summary, 'target').map(({ name }) => name)).toEqual(expect.arrayContaining(['lb', ...lab.controlPlanes.map(({ name }) => name)]));
    expect(totalsBy(rotated.probes.summary, 'class').every(({ sent }) => sent > 500)).toBe(true);
  });

  it('leaves every workload alive and able to write, with no error from which it did not recover', () => {
    expect({ unrecovered: rotated.felt.unrecovered, vanished: rotated.felt.vanished }).toEqual({ unrecovered: [], vanished: [] });
  });

  it('evicts nothing', () => {
    expect(rotated.evicted).toEqual([]);
  });

  it('keeps no node NotReady for longer than its kubelet takes to restart', () => {
    expect(rotated.unready.filter(({ seconds }) => seconds > kubeletRestartSeconds)).toEqual([]);
  });

  it('restarts no API server and no etcd', () => {
    expect(rotated.processes.after).toEqual(rotated.processes.before);
  });

  it(`takes at most ${limitMinutes} minutes, the roll of the test's own workloads apart`, () => {
    expect(withoutRoll(rotated.ended) / 60).toBeLessThanOrEqual(limitMinutes);
  });

  it(`takes at most ${limitMiB} MB of memory`, () => {
    expect(rotated.ended.peakRssMiB).toBeLessThanOrEqual(limitMiB);
    expect(rotated.ended.peakRssMiB).toBeGreaterThan(20);
  });
});

async function rotate(lab: Lab): Promise<Rotated> {
  const operator = await newOperator(lab, 'full-rotation');
  const outgoing = readKubeconfig(lab.paths.adminKubeconfig);
  const clients = await startClients(lab, operator.folder);
  const processesBefore = await serverProcesses(lab);
  const feltBefore = await readCounters(lab);
  const watch = watchNodes(lab);
  const startedAtMs = Date.now();
  const { file, plan } = await operator.plan('full', { accept: [holderEdges] });
  const running = operator.start(['run', file, '--auto-approve', '--without-acks', '--no-input']);
  const owners = atMilestones(running, plan, clients.milestones(plan));
  const ended = await running.ended;
  const unready = await watch.end();
  const probes = await clients.end();
  // Whatever became of the run, the first control plane has a kubeconfig that is good now.
  await copyAdminKubeconfig(lab);
  if (ended.code === 0) recordRotation(lab, { run: plan.name, outgoingCaPem: outgoing.caPem, adminCertificatePem: outgoing.certificatePem, adminKeyPem: outgoing.keyPem });
  else console.log(`the run did not succeed; its log: ${join(operator.folder, 'rotate-ca.log')}`);
  const ownersTrouble = await owners.settled().then(() => '', String);
  const felt = await feltUntilNow(lab, feltBefore);
  return {
    ended,
    ownersTrouble,
    probes,
    felt,
    unready,
    evicted: await evictionsSince(lab, startedAtMs),
    processes: { before: processesBefore, after: await serverProcesses(lab) },
  };
}

function withoutRoll({ facts }: Ended): number {
  return totalSeconds(facts) - rollSeconds(facts, namespace);
}

function report({ ended, probes, felt, unready, evicted }: Rotated): void {
  const minutes = (seconds: number): string => `${Math.floor(seconds / 60)} min ${(seconds % 60).toFixed(0)} s`;
  console.log(
    [
      formatSummary(probes.summary),
      describeMachine(probes),
      ...(['class', 'target'] as const).flatMap((field) =>
        totalsBy(probes.summary, field).map((t) => `probes by ${field}: ${t.name.padEnd(20)} ${t.sent} sent, ${t.failed} failed, longest gap ${t.longestGapMs} ms`),
      ),
      `workloads: ${felt.runs} runs, ${felt.ok} calls answered, ${felt.failed} failed ${JSON.stringify(felt.byClass)}, longest failing ${(felt.longestFailureMs / 1000).toFixed(1)} s, not recovered: ${felt.unrecovered.join(', ') || 'none'}`,
      ...felt.errors
        .slice(0, 20)
        .map(({ at, name, activity, class: kind, text }) => `  ${new Date(at).toISOString().slice(11, 23)} ${name} ${activity} ${kind}: ${text.slice(0, 160)}`),
      `nodes not Ready: ${unready.map(({ node, seconds }) => `${node} ${seconds.toFixed(1)} s`).join(', ') || 'none'}; evicted: ${evicted.join(', ') || 'none'}`,
      `duration: ${minutes(totalSeconds(ended.facts))}, of it the roll of ${namespace} ${minutes(rollSeconds(ended.facts, namespace))}: ${minutes(withoutRoll(ended))} without it (goal ${goalMinutes}, limit ${limitMinutes} min)`,
      `peak memory of rotate-ca: ${ended.peakRssMiB.toFixed(0)} MiB (limit ${limitMiB})`,
      formatRunFigures(ended.facts),
    ].join('\n'),
  );
}
