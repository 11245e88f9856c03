/**
 * The whole cutover of a cluster made by hand, under probes: how long the API is away, that nothing is lost of what runs, and what
 * is let in and left afterwards. There is no check of a time in which both CAs are trusted: a cutover has none.
 */

import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../lab/command.js';
import { copyAdminKubeconfig } from '../../lab/cluster/admin-access.js';
import { waitUntilReady } from '../../lab/cluster/readiness.js';
import type { Lab } from '../../lab/lab.js';
import { describeAway, secondsAway } from '../../lab/tests/api-outage.js';
import { lostOf, nothingLost } from '../../lab/tests/application-client.js';
import { readKubeconfig } from '../../lab/tests/certificates.js';
import { type CutoverSeen, cutoverPlaybook, describeApplications, limitAwaySeconds, secondsBetween, watchCutover } from '../../lab/tests/cutover.js';
import { type FeltNow, feltNow } from '../../lab/tests/felt-now.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { incomingIssuer } from '../../lab/tests/incoming-ca.js';
import { answersTo, keyIdIn, keyIdOf, legacyTokens } from '../../lab/tests/legacy-tokens.js';
import { atMilestones } from '../../lab/tests/milestones.js';
import { asRoot, onEach } from '../../lab/tests/node-script.js';
import { newOperator, type Operator } from '../../lab/tests/operator.js';
import { answersEverywhere, type Credentials, everywhere, handshakes, incomingAdministrator, kubectlThroughEach, writeCredentials } from '../../lab/tests/outgoing-refused.js';
import { type PodLife, rolledIn, troubleOfPods } from '../../lab/tests/pod-lives.js';
import { allWell, podsOnEveryNode } from '../../lab/tests/pods-on-every-node.js';
import type { Ended } from '../../lab/tests/program.js';
import { formatRunFigures, totalSeconds } from '../../lab/tests/run-figures.js';
import { sweepFor } from '../../lab/tests/sweep.js';
import { handOffExternalClient } from '../../lab/workloads/external-client.js';

const limitCutoverMinutes = 5;
/** Programs read their token again every minute, kubelets what they mount too. */
const recoverWithinMs = 240_000;

interface CutOver {
  readonly lab: Lab;
  readonly operator: Operator;
  readonly ended: Ended;
  readonly clientsTrouble: string;
  readonly seen: CutoverSeen;
  readonly pods: { readonly before: readonly PodLife[]; readonly after: readonly PodLife[]; readonly evicted: readonly string[] };
  readonly felt: FeltNow;
  readonly oldKubeconfig: string;
  readonly outgoing: Credentials;
  readonly tokens: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> };
}

let done: CutOver;

describe('a cutover of a cluster made by hand', () => {
  beforeAll(async () => {
    done = await cutOver(await freshLab('hard-way'));
    report(done);
  });

  it('ends with success, without a hand', () => {
    expect({ code: done.ended.code, failures: done.ended.failures, clients: done.clientsTrouble }).toEqual({ code: 0, failures: [], clients: '' });
  });

  it(`takes the API away for at most ${limitAwaySeconds} s, at each API server and through the load balancer`, () => {
    const away = secondsAway(done.seen.api);
    expect([...away.keys()]).toEqual(['fresh lb', 'fresh master1', 'fresh master2', 'fresh master3', 'write lb']);
    expect([...away].filter(([, seconds]) => !(seconds > 0 && seconds <= limitAwaySeconds))).toEqual([]);
  });

  it(`takes at most ${limitCutoverMinutes} min from the first file put in place to the last new token`, () => {
    expect(secondsBetween(done.ended.facts, 'put-in-place', 'clear-tokens')).toBeLessThanOrEqual(limitCutoverMinutes * 60);
  });

  it('loses no request of a customer of the shop, and no websocket', () => {
    expect(done.seen.shop.sent).toBeGreaterThan(500);
    expect(lostOf(done.seen.shop, done.seen.stalls)).toEqual(nothingLost(done.lab));
  });

  it('restarts no container, and drives out no pod, but for those that it rolls', () => {
    const rolled = rolledIn(done.ended.facts);
    expect([...rolled].some((workload) => workload.includes(' shop/'))).toBe(false);
    expect(troubleOfPods(done.pods.before, done.pods.after, rolled)).toEqual([]);
    expect(done.pods.evicted).toEqual([]);
  });

  it('has every program get on with the API again, those that live on a token of a Secret too', () => {
    expect({ unrecovered: done.felt.unrecovered, silent: done.felt.silent }).toEqual({ unrecovered: [], silent: [] });
  });

  it('has the monitor reach API and kubelets again', async () => {
    const { monitor, newest } = await monitorTargets(done.lab);
    expect(newest.filter(({ error }) => error !== '')).toEqual([]);
    expect(newest.length).toBeGreaterThanOrEqual(done.lab.nodes.length + 2);
    expect(monitor).not.toBe('');
  });

  it('has every token signed by the incoming key of the API servers, and lets them in', async () => {
    const pairs = await onEach(done.lab.controlPlanes, async (node) => (await asRoot(done.lab, node, 'cat /etc/kubernetes/pki/apiserver.pem')).stdout);
    const keyIds = new Set([...pairs.values()].map(keyIdOf));
    expect(keyIds.size).toBe(1);
    expect(done.tokens.after.size).toBe(done.tokens.before.size);
    expect([...done.tokens.after].filter(([, token]) => !keyIds.has(keyIdIn(token)))).toEqual([]);
    const answers = await answersTo(done.lab, done.tokens.after.values());
    expect(answers).toEqual(new Map(done.lab.controlPlanes.map(({ name }) => [`${name} 200`, done.tokens.after.size])));
  });

  it('refuses every token of before at every API server', async () => {
    const answers = await answersTo(done.lab, done.tokens.before.values());
    expect(answers).toEqual(new Map(done.lab.controlPlanes.map(({ name }) => [`${name} 401`, done.tokens.before.size])));
  });

  it('refuses the administrator of before at every API server and kubelet', async () => {
    expect(await answersEverywhere(done.lab, done.outgoing)).toEqual(everywhere(done.lab, 401));
  });

  it('has the kubeconfig of before find a server that it does not believe', async () => {
    const { code, stderr } = await runCommand(join(done.lab.paths.releaseBin, 'kubectl'), ['--kubeconfig', done.oldKubeconfig, 'get', 'nodes'], {
      allowFailure: true,
      timeoutMs: 60_000,
    });
    expect({ code, isX509: /x509|certificate/.test(stderr) }).toEqual({ code: 1, isX509: true });
    expect(await handshakes(done.lab, done.outgoing.caFile)).toEqual(done.lab.controlPlanes.map(({ name }) => `${name}: exit 60, status 0`));
  });

  it('lets a client of the incoming CA in, at every API server and kubelet', async () => {
    const administrator = await incomingAdministrator(done.lab, done.operator.folder);
    expect(await handshakes(done.lab, administrator.caFile)).toEqual(done.lab.controlPlanes.map(({ name }) => `${name}: exit 0, status 200`));
    expect(await kubectlThroughEach(done.lab, administrator)).toEqual(done.lab.controlPlanes.map(({ name }) => `${name}: ${done.lab.nodes.length} nodes`));
    expect(await answersEverywhere(done.lab, administrator)).toEqual(everywhere(done.lab, 200));
  });

  it('runs a new pod on each node, with kubectl logs and exec', async () => {
    expect(await podsOnEveryNode(done.lab)).toEqual(allWell(done.lab));
  });

  it('has the outgoing CA, and what it signed, in no file of any node and in no object', async () => {
    const sweep = await sweepFor(done.lab, new X509Certificate(readFileSync(done.outgoing.caFile)));
    const incoming = await sweepFor(done.lab, new X509Certificate((await incomingIssuer(done.lab)).certificatePem));
    console.log(
      `swept: ${sweep.certificates} certificates in ${sweep.places} files and objects; of the outgoing CA: ${sweep.found.length}, of the incoming: ${incoming.found.length}`,
    );
    expect(sweep.found).toEqual([]);
    // Five nodes with CA and pairs, and the ca.crt of each token Secret.
    expect(incoming.found.length).toBeGreaterThan(done.tokens.after.size + done.lab.nodes.length);
  });

  it('still holds when it is asked again', async () => {
    const verified = await done.operator.run(['verify']);
    expect({ code: verified.code, failures: verified.failures }).toEqual({ code: 0, failures: [] });
  });
});

async function cutOver(lab: Lab): Promise<CutOver> {
  const operator = await newOperator(lab, 'hard-way-cutover');
  const oldKubeconfig = join(operator.folder, 'admin-of-before.kubeconfig');
  copyFileSync(lab.paths.adminKubeconfig, oldKubeconfig);
  const outgoing = writeCredentials(operator.folder, 'outgoing', readKubeconfig(oldKubeconfig));
  const tokensBefore = await legacyTokens(lab);
  const watch = await watchCutover(lab, operator.folder);
  const { file, plan } = await operator.plan('cutover', { playbook: cutoverPlaybook });
  const running = operator.start(['run', file, '--auto-approve', '--no-input']);
  const clients = atMilestones(running, plan, watch.milestones);
  const ended = await running.ended;
  const seen = await watch.end();
  const clientsTrouble = await clients.settled().then(() => '', String);
  // What its owner does afterwards: a token of before is refused.
  await copyAdminKubeconfig(lab);
  await handOffExternalClient(lab);
  await waitUntilReady(lab, 300_000);
  const felt = await feltNow(lab, recoverWithinMs);
  return {
    lab,
    operator,
    ended,
    clientsTrouble,
    seen,
    pods: await watch.pods(),
    felt,
    oldKubeconfig,
    outgoing,
    tokens: { before: tokensBefore, after: await legacyTokens(lab) },
  };
}

interface MonitorTarget {
  readonly name: string;
  readonly error: string;
}

/** What the monitor says of its last look at each target, once all of them went well or a minute is over. */
async function monitorTargets(lab: Lab): Promise<{ monitor: string; newest: readonly MonitorTarget[] }> {
  const url = `http://${lab.workers[0]?.ip}:30082/targets`;
  const endsAtMs = Date.now() + 60_000;
  for (;;) {
    const text = await (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text();
    const newest = Object.entries(JSON.parse(text) as Record<string, { error?: string; lastOkAt: number }>).map(([name, { error, lastOkAt }]) => ({
      name,
      error: error ?? (lastOkAt === 0 ? 'never' : ''),
    }));
    if (newest.length > lab.nodes.length + 1 && newest.every(({ error }) => error === '')) return { monitor: text, newest };
    if (Date.now() > endsAtMs) return { monitor: text, newest };
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

function report({ ended, seen, pods, felt, tokens }: CutOver): void {
  const rolled = rolledIn(ended.facts);
  console.log(
    [
      `API away: ${describeAway(secondsAway(seen.api))} (limit ${limitAwaySeconds} s; ${seen.api.sent} probes)`,
      describeApplications(seen),
      `from put-in-place to the last new token: ${secondsBetween(ended.facts, 'put-in-place', 'clear-tokens').toFixed(1)} s (limit ${limitCutoverMinutes} min); the whole run: ${totalSeconds(ended.facts).toFixed(0)} s`,
      `rolled: ${[...rolled].join(', ')}`,
      `pods: ${pods.before.length} before, ${pods.before.filter(({ workload }) => !rolled.has(workload)).length} of them not rolled: ${troubleOfPods(pods.before, pods.after, rolled).join(', ') || 'each the same, none restarted'}; evicted: ${pods.evicted.join(', ') || 'none'}`,
      `programs: ${felt.programs}, all well ${felt.seconds.toFixed(0)} s after the run: not recovered ${felt.unrecovered.join(', ') || 'none'}, silent ${felt.silent.join(', ') || 'none'}`,
      `token Secrets: ${tokens.after.size}`,
      'no check of both CAs at once: a cutover has no such time',
      formatRunFigures(ended.facts),
    ].join('\n'),
  );
}
