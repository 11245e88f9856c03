/** rotate-ca is killed by SIGKILL in the middle of an apply, and resumed: the same end as without. */

import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { copyAdminKubeconfig } from '../../lab/cluster/admin-access.js';
import type { Lab } from '../../lab/lab.js';
import { readKubeconfig } from '../../lab/tests/certificates.js';
import { curl } from '../../lab/tests/curl.js';
import { drawNumber, drawOne } from '../../src/domain/draw.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { incomingIssuer } from '../../lab/tests/incoming-ca.js';
import { logsAndExecOn } from '../../lab/tests/logs-and-exec.js';
import { stepNamed } from '../../lab/tests/milestones.js';
import { newOperator, type Operator } from '../../lab/tests/operator.js';
import type { Ended } from '../../lab/tests/program.js';
import { serverProcesses } from '../../lab/tests/server-processes.js';
import { sweepFor } from '../../lab/tests/sweep.js';

/** Steps of the playbook whose apply has a middle worth dying in. */
const deadlySteps = ['switch-signer', 'reissue-kubelets', 'servers-drop-outgoing', 'reissue-apiserver', 'issue-ca', 'control-plane-drops-outgoing'] as const;
const latestKillMs = 1500;

const seed = process.env.ROTATE_CA_TEST_SEED ?? 'no-commit';
const steps = process.env.ROTATE_CA_TEST_ALL === '1' ? deadlySteps : [drawOne(seed, 'step to die in', deadlySteps)];

interface Killed {
  readonly lab: Lab;
  readonly operator: Operator;
  readonly first: Ended;
  readonly resumed: Ended;
  readonly outgoing: ReturnType<typeof readKubeconfig>;
  readonly processes: { readonly before: ReadonlyMap<string, string>; readonly after: ReadonlyMap<string, string> };
}

describe.each(steps)('killed while %s is applied', (step) => {
  const afterMs = Math.round(drawNumber(seed, `moment in ${step}`) * latestKillMs);
  let done: Killed;

  beforeAll(async () => {
    done = await killAndResume(await freshLab(), step, afterMs);
    console.log(`killed ${afterMs} ms into ${step}; resumed to the end in ${done.resumed.seconds.toFixed(0)} s`);
  });

  it('was killed there, by SIGKILL', () => {
    expect(done.first.signal).toBe('SIGKILL');
    const last = done.first.facts.findLast(({ fact }) => fact.type === 'step.marked')?.fact;
    expect(last).toMatchObject({ type: 'step.marked' });
  });

  it('comes to its end when it is resumed', () => {
    expect({ code: done.resumed.code, failures: done.resumed.failures }).toEqual({ code: 0, failures: [] });
  });

  it('has made one CA, not two', async () => {
    await expect(incomingIssuer(done.lab)).resolves.toMatchObject({ id: expect.any(String) });
  });

  it('has left nothing of the outgoing CA', async () => {
    expect((await sweepFor(done.lab, new X509Certificate(done.outgoing.caPem))).found).toEqual([]);
  });

  it('lets the outgoing admin in nowhere', async () => {
    const folder = done.operator.folder;
    const files = { caFile: join(folder, 'incoming-ca.pem'), certFile: join(folder, 'outgoing-admin.pem'), keyFile: join(folder, 'outgoing-admin.key') };
    writeFileSync(files.caFile, (await incomingIssuer(done.lab)).certificatePem, { mode: 0o600 });
    writeFileSync(files.certFile, done.outgoing.certificatePem, { mode: 0o600 });
    writeFileSync(files.keyFile, done.outgoing.keyPem, { mode: 0o600 });
    const answers = await Promise.all(done.lab.controlPlanes.map(({ ip }) => curl({ url: `https://${ip}:6443/api/v1/namespaces/kube-system/pods?limit=1`, ...files })));
    expect(answers).toEqual(done.lab.controlPlanes.map(() => ({ status: 401, exit: 0 })));
  });

  it('lets kubectl reach every node', async () => {
    for (const { name } of done.lab.nodes) expect(await logsAndExecOn(done.lab, name)).toEqual({ logs: 'ok', exec: 'ok' });
  });

  it('has restarted no API server and no etcd', () => {
    expect(done.processes.after).toEqual(done.processes.before);
  });

  it('still holds when it is asked again', async () => {
    const verified = await done.operator.run(['verify']);
    expect({ code: verified.code, failures: verified.failures }).toEqual({ code: 0, failures: [] });
  });
});

async function killAndResume(lab: Lab, step: string, afterMs: number): Promise<Killed> {
  const operator = await newOperator(lab, `killed-in-${step}`);
  const outgoing = readKubeconfig(lab.paths.adminKubeconfig);
  const before = await serverProcesses(lab);
  const { file } = await operator.plan('killed');
  const running = operator.start(['run', file, '--auto-approve', '--without-acks', '--no-input']);
  const isIt = stepNamed(step);
  const applying = new Promise<void>((resolve) => {
    running.onFact(({ fact }) => {
      if (fact.type === 'step.marked' && fact.mark === 'applying' && isIt(fact.step)) resolve();
    });
  });
  await Promise.race([applying.then(() => sleep(afterMs)), running.ended]);
  running.kill('SIGKILL');
  const first = await running.ended;
  const resumed = await operator.run(['resume', '--auto-approve', '--without-acks', '--no-input']);
  if (resumed.code === 0) await copyAdminKubeconfig(lab);
  return { lab, operator, first, resumed, outgoing, processes: { before, after: await serverProcesses(lab) } };
}
