/** rotate-ca is killed while there is no API, after etcd and before the API servers, and resumed: the same end as without. */

import { beforeAll, describe, expect, it } from 'vitest';
import { copyAdminKubeconfig } from '../../lab/cluster/admin-access.js';
import { waitUntilReady } from '../../lab/cluster/readiness.js';
import type { Lab } from '../../lab/lab.js';
import { describeAway, secondsAway } from '../../lab/tests/api-outage.js';
import { lostOf, nothingLost } from '../../lab/tests/application-client.js';
import { type CutoverSeen, cutoverPlaybook, describeApplications, watchCutover } from '../../lab/tests/cutover.js';
import { type FeltNow, feltNow } from '../../lab/tests/felt-now.js';
import { freshLab } from '../../lab/tests/fresh-lab.js';
import { incomingIssuer } from '../../lab/tests/incoming-ca.js';
import { keyIdIn, keyIdOf, legacyTokens } from '../../lab/tests/legacy-tokens.js';
import { atMilestones, stepNamed } from '../../lab/tests/milestones.js';
import { asRoot } from '../../lab/tests/node-script.js';
import { newOperator, type Operator } from '../../lab/tests/operator.js';
import { type PodLife, rolledIn, troubleOfPods } from '../../lab/tests/pod-lives.js';
import { allWell, podsOnEveryNode } from '../../lab/tests/pods-on-every-node.js';
import type { Ended } from '../../lab/tests/program.js';
import { handOffExternalClient } from '../../lab/workloads/external-client.js';

/** Twice as long as undisturbed, for somebody who stands beside it, and room for a machine that is slow. */
const limitAwaySeconds = 90;
const recoverWithinMs = 240_000;

interface Killed {
  readonly lab: Lab;
  readonly operator: Operator;
  readonly first: Ended;
  readonly resumed: Ended;
  readonly seen: CutoverSeen;
  readonly pods: { readonly before: readonly PodLife[]; readonly after: readonly PodLife[]; readonly evicted: readonly string[] };
  readonly felt: FeltNow;
}

let done: Killed;

describe('a cutover killed between etcd and the API servers', () => {
  beforeAll(async () => {
    done = await killAndResume(await freshLab('hard-way'));
    console.log(
      [
        `killed after ${done.first.seconds.toFixed(0)} s; resumed to the end in ${done.resumed.seconds.toFixed(0)} s`,
        `API away: ${describeAway(secondsAway(done.seen.api))} (limit ${limitAwaySeconds} s)`,
        describeApplications(done.seen),
        `programs: all well ${done.felt.seconds.toFixed(0)} s after the run`,
      ].join('\n'),
    );
  });

  it('was killed there, by SIGKILL', () => {
    const verified = new Set(done.first.facts.flatMap(({ fact }) => (fact.type === 'step.marked' && fact.mark === 'verified' ? [fact.step] : [])));
    expect({ signal: done.first.signal, etcd: verified.has('etcd'), apiservers: verified.has('apiservers') }).toEqual({ signal: 'SIGKILL', etcd: true, apiservers: false });
  });

  it('comes to its end when it is resumed', () => {
    expect({ code: done.resumed.code, failures: done.resumed.failures }).toEqual({ code: 0, failures: [] });
  });

  it(`has the API away for at most ${limitAwaySeconds} s`, () => {
    expect([...secondsAway(done.seen.api)].filter(([, seconds]) => !(seconds > 0 && seconds <= limitAwaySeconds))).toEqual([]);
  });

  it('loses no request of a customer of the shop, and no websocket', () => {
    expect(lostOf(done.seen.shop, done.seen.stalls)).toEqual(nothingLost(done.lab));
  });

  it('restarts no container, and drives out no pod, but for those that it rolls', () => {
    expect(troubleOfPods(done.pods.before, done.pods.after, rolledIn([...done.first.facts, ...done.resumed.facts]))).toEqual([]);
    expect(done.pods.evicted).toEqual([]);
  });

  it('has every program get on with the API again', () => {
    expect({ unrecovered: done.felt.unrecovered, silent: done.felt.silent }).toEqual({ unrecovered: [], silent: [] });
  });

  it('has made one CA, not two, and every token is of its key', async () => {
    await expect(incomingIssuer(done.lab)).resolves.toMatchObject({ id: expect.any(String) });
    const [first] = done.lab.controlPlanes;
    const keyId = keyIdOf((await asRoot(done.lab, first?.name ?? '', 'cat /etc/kubernetes/pki/apiserver.pem')).stdout);
    expect([...(await legacyTokens(done.lab)).values()].filter((token) => keyIdIn(token) !== keyId)).toEqual([]);
  });

  it('runs a new pod on each node, with kubectl logs and exec', async () => {
    expect(await podsOnEveryNode(done.lab)).toEqual(allWell(done.lab));
  });

  it('still holds when it is asked again', async () => {
    const verified = await done.operator.run(['verify']);
    expect({ code: verified.code, failures: verified.failures }).toEqual({ code: 0, failures: [] });
  });
});

async function killAndResume(lab: Lab): Promise<Killed> {
  const operator = await newOperator(lab, 'hard-way-killed');
  const watch = await watchCutover(lab, operator.folder);
  const { file, plan } = await operator.plan('killed', { playbook: cutoverPlaybook });
  const running = operator.start(['run', file, '--auto-approve', '--no-input']);
  const clients = atMilestones(running, plan, {
    ...watch.milestones,
    'its end': { when: 'verified', step: stepNamed('etcd'), act: async () => running.kill('SIGKILL') },
  });
  const first = await running.ended;
  await clients.settled();
  const resumed = await operator.run(['resume', '--auto-approve', '--no-input']);
  const seen = await watch.end();
  await copyAdminKubeconfig(lab);
  await handOffExternalClient(lab);
  await waitUntilReady(lab, 300_000);
  const felt = await feltNow(lab, recoverWithinMs);
  return { lab, operator, first, resumed, seen, pods: await watch.pods(), felt };
}
