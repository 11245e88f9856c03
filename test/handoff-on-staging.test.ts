/** The gate before distrust, end to end: somebody outside uses a certificate of the outgoing CA, is named, is handed what it needs, and the run goes on. */

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Driven, drive } from '../src/app/drive.js';
import { planFor } from '../src/app/make-plan.js';
import { rehearsalEnv, rehearsalSettings } from '../src/app/rehearse-settings.js';
import { createRunFolder, type RunFolder } from '../src/app/run-folder.js';
import { readKubeconfig } from '../src/domain/cluster/kubeconfig.js';
import { recordsOf } from '../src/domain/pki/certificate.js';
import { findSecret } from '../src/domain/redact.js';
import { artefactNames } from '../src/operations/run-files.js';
import { type StagingCluster, startStaging } from '../src/staging/cluster.js';
import { specSomewhere } from '../src/staging/topology.js';
import { type CliResult, runCli } from './support/cli.js';
import { connectFrom, makeOutsider, type Outsider } from './support/outsider.js';

const playbookFile = fileURLToPath(new URL('../playbooks/cluster-ca.yaml', import.meta.url));
/** As an operator gives them to kubeadm (lab/cluster/kubeadm-config.ts). */
const auditFlags = { 'audit-log-path': '/var/log/kubernetes/audit.log', 'audit-policy-file': '/etc/kubernetes/audit/policy.yaml' };
const agent = 'kubectl/v1.34.4 (linux/amd64)';
const name = 'handed-over';

let folder: string;
let staging: StagingCluster;
let alice: Outsider;
let run: RunFolder;
let stateDir: string;
let env: Record<string, string>;
let atGate: Driven;

const artefact = (which: keyof typeof artefactNames): string => run.artefacts(1).get(artefactNames[which]) ?? '';
const cli = (...args: string[]): Promise<CliResult> => runCli([...args, '--state-dir', stateDir], { env });
const driveOn = (ask: 'submit' | 'resume', approves: (gate: string) => boolean): Promise<Driven> =>
  drive({
    folder: run,
    env,
    by: 'test',
    ask,
    autoApprove: false,
    askGate: async (view) => approves(view.gate?.name ?? ''),
    onLine: () => undefined,
    lockTimeoutMs: 0,
    pace: 10,
    interrupts: { onPause: () => undefined, onLeave: () => undefined },
  });

/** A machine that is busy with much else can hold a run: it is resumed, as an operator would. What is wrong holds it again. */
async function go(ask: 'submit' | 'resume', approves: (gate: string) => boolean): Promise<Driven> {
  let driven = await driveOn(ask, approves);
  for (let tries = 0; tries < 4 && !['awaitingApproval', 'succeeded'].includes(driven.view.value); tries++) driven = await driveOn('resume', approves);
  return driven;
}

beforeAll(async () => {
  // As the command line does: each connection listens for the end.
  setMaxListeners(0);
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-handoff-'));
  const spec = await specSomewhere('small', { uid: randomUUID(), nowMs: Date.now() });
  const nodes = spec.nodes.map((node) => (node.roles.includes('control-plane') ? { ...node, flags: { 'kube-apiserver': auditFlags } } : node));
  staging = await startStaging({ spec: { ...spec, nodes }, folder: join(folder, 'cluster'), speed: 30 });
  expect(staging.notReady).toEqual([]);
  const settings = await rehearsalSettings(staging.operator);
  ({ stateDir } = settings);
  env = rehearsalEnv(staging.operator, process.env) as Record<string, string>;
  alice = await makeOutsider(staging, 'alice');
  expect(await alice.ask('/version', { caPem: alice.caPem, agent })).toBe(200);
  const plan = await planFor({ playbookFile, settings, env, name, now: Date.now(), signal: new AbortController().signal });
  run = createRunFolder(stateDir, name, plan);
  atGate = await go('submit', (gate) => gate !== 'distrust');
});
afterAll(async () => {
  await staging?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('before trust is narrowed', () => {
  it('the run stops, and names who would fail, from where and with what', () => {
    expect([atGate.view.value, atGate.view.gate?.name]).toEqual(['awaitingApproval', 'distrust']);
    const asked = atGate.shadow?.holders.filter(({ asksAck }) => asksAck) ?? [];
    const [{ fingerprint } = { fingerprint: '' }] = recordsOf(alice.certificatePem);
    expect(asked).toMatchObject([{ id: `alice/${fingerprint.slice(0, 8)}`, who: 'alice', kind: 'certificate', userAgents: [agent], addresses: [alice.address] }]);
    expect(atGate.shadow?.unseen.filter(({ why }) => !/openssl|load balancer/.test(why))).toEqual([]);
    // Kubelets have renewed theirs; the files of before lie beside the new ones.
    expect(atGate.shadow?.holders.map(({ who }) => who).filter((who) => who.startsWith('system:'))).toEqual([]);
  });

  it('approval is refused, with the holder in words', async () => {
    const from = `127.${staging.spec.block}.200.8`;
    const silent = await connectFrom(staging, from);
    const { code, stdout, stderr } = await cli('approve', name, '--no-input');
    silent.destroy();
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/alice\/[0-9a-f]{8} \[not acknowledged\]/);
    expect(stderr).toContain(`from ${alice.address}; with ${agent}; last seen `);
    // Connected, and in no audit log: it is named, and nobody is asked to acknowledge what may need nothing.
    expect(stderr).toContain(`connected ${from}: it is connected to the API server of cp1 now (1 connection)`);
    expect(stderr).toMatch(/acks-missing: 1 of those who would fail/);
  });

  it('what is handed over is for its reader alone, and holds no key of anybody', async () => {
    const out = join(folder, 'out');
    const { code, stdout } = await cli('handoff', name, '--out', out, '-o', 'json');
    expect(code).toBe(0);
    const { files } = JSON.parse(stdout) as { files: string[] };
    const holder = readdirSync(join(out, 'holders'));
    expect(holder).toHaveLength(1);
    expect(files.map((file) => file.slice(out.length + 1)).toSorted()).toEqual(
      ['bundle-final.pem', 'bundle-transitional.pem', `holders/${holder[0]}`, 'kubeconfig-final.yaml', 'kubeconfig-transitional.yaml'].toSorted(),
    );
    const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
    expect([...files.map(mode), mode(out), mode(join(out, 'holders'))]).toEqual([...files.map(() => '600'), '700', '700']);
    for (const file of files) expect(findSecret(readFileSync(file, 'utf8')), file).toBeUndefined();

    const text = (file: string): string => readFileSync(join(out, file), 'utf8');
    const prints = (pem: string): string[] => recordsOf(pem).map(({ fingerprint }) => fingerprint);
    const [outgoing, incoming] = [artefact('outgoingCa'), artefact('incomingCa')];
    expect(prints(text('bundle-transitional.pem'))).toEqual(prints(`${outgoing}${incoming}`));
    expect(prints(text('bundle-final.pem'))).toEqual(prints(incoming));
    expect(prints(readKubeconfig(text('kubeconfig-transitional.yaml')).caPem ?? '')).toEqual(prints(`${outgoing}${incoming}`));
    expect(text(`holders/${holder[0]}`)).toContain(`seen from: ${alice.address}`);
    // Before and after the server has a leaf of the other CA: the bundle that she was handed verifies it.
    expect(await alice.ask('/version', { caPem: text('bundle-transitional.pem'), agent })).toBe(200);
  });

  it('an acknowledgement for a name that nobody has is refused, with the one that was meant', async () => {
    const { code, stderr } = await cli('handoff', name, '--ack', 'alcie');
    expect(code).toBe(64);
    expect(stderr).toMatch(/no holder "alcie" waits for an acknowledgement/);
    expect(stderr).toMatch(/Did you mean "alice"\?/);
  });

  it('once she has what she needs the run goes on to its end, and her certificate is refused', async () => {
    expect((await cli('handoff', name, '--ack', 'alice')).code).toBe(0);
    const done = await go('resume', () => true);
    expect([done.view.value, done.view.progress.failure]).toEqual(['succeeded', null]);
    expect(await alice.ask('/version', { caPem: artefact('incomingCa'), agent })).toBe(401);
  });
});
