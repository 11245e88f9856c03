/** kube-controller-manager's signing pair and root CA file: what it takes up while it runs, and what it does not survive. */

import { type Behaviour, Undo } from '../behaviour.js';
import { leaderOf, manifestOf, mustAllBeCalm, mustBeLed, pidOf, processesOf, restarterOf } from '../components.js';
import { newCa } from '../credentials.js';
import { clientSigner, signs, stateOf, submit } from '../csr.js';
import { writeAgain } from '../node-files.js';
import { dataOf, scratchNamespace } from '../scratch.js';
import { clientCa, writeBundle } from '../trust.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlanes, nodeNamed, type World } from '../world.js';

const kcm = 'kube-controller-manager';
const noticeMs = 4_000;

/** How often the logs of a component's containers say that, earlier instances included. */
async function saidBy(world: World, node: string, component: string, words: string): Promise<number> {
  const out = await world.shell(node).must(`cat /var/log/pods/kube-system_${component}-*/${component}/*.log 2>/dev/null | grep -c '${words}'; true`, { deadlineMs: callMs });
  return Number(out.trim());
}

async function emptyLease(world: World): Promise<void> {
  const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name: kcm };
  await world.kube.patch(lease, { spec: { holderIdentity: '', leaseDurationSeconds: 1 } }, { deadlineMs: callMs });
}

/** Takes the leader's manifest away, so that it cannot lead again, until all is put back; a standby takes over. */
async function withdrawLeader(world: World, undo: Undo, leader: string): Promise<void> {
  const aside = '/etc/kubernetes/.fidelity-manifest';
  const shell = world.shell(leader);
  undo.add('the manifest of the leader is back', async () => void (await shell.must(`[ ! -e ${aside} ] || mv -T ${aside} ${manifestOf(kcm)}`, { deadlineMs: callMs })));
  await shell.must(`mv -T ${manifestOf(kcm)} ${aside}`, { deadlineMs: callMs });
  await mustBecome(
    world,
    'the leader has ended',
    60_000,
    () => processesOf(world, leader, kcm),
    (all) => all.length === 0,
  );
  await emptyLease(world);
}

/** Kills the leader and empties its lease, as the engine does after a restart: a standby takes it at its next retry. */
async function endLeader(world: World, leader: string): Promise<void> {
  await world.shell(leader).must(`kill -KILL ${await pidOf(world, leader, kcm)}`, { deadlineMs: callMs });
  await emptyLease(world);
}

export const signer: readonly Behaviour[] = [
  {
    id: 'signer-takes-one-certificate-only',
    rule: '4.4: exactly one certificate; at run time every signature fails until fixed',
    title: 'With a bundle as its signing certificate a running controller manager signs nothing, does not end, and signs again when the file is mended',
    area: 'requests and signer',
    disturbs: 'restores-itself',
    expected: { before: 'by the cluster CA', withBundle: 'not signed', sameProcess: true, sameLeader: true, mended: 'by the cluster CA', theOneThatFailed: 'signed' },
    async run(world, undo) {
      const node = nodeNamed(world, await mustBeLed(world, kcm));
      const leader = (await leaderOf(world, kcm)).holder;
      const pid = await pidOf(world, node.name, kcm);
      const before = await signs(world, undo);
      const other = await newCa('fidelity-incoming');
      let text = '';
      await writeBundle(world, undo, node, (now) => {
        text = now;
        return `${now}${other.certificatePem}`;
      });
      await world.pass(noticeMs);
      const name = await submit(world, undo, { signerName: clientSigner, expirationSeconds: 600 });
      await world.kube.approve(name, 'fidelity', { deadlineMs: callMs });
      await world.pass(5_000);
      const withBundle = (await stateOf(world, name)).certificate === undefined ? 'not signed' : 'signed';
      const seen = { sameProcess: (await pidOf(world, node.name, kcm)) === pid, sameLeader: (await leaderOf(world, kcm)).holder === leader };
      await writeAgain(world, { node: node.name, path: clientCa }, text);
      await world.pass(noticeMs);
      const mended = await signs(world, undo);
      // It is tried again with a growing pause.
      const late = await until(
        world,
        60_000,
        () => stateOf(world, name),
        ({ certificate }) => certificate !== undefined,
      );
      return { before, withBundle, ...seen, mended, theOneThatFailed: late.certificate === undefined ? 'not signed' : 'signed' };
    },
  },
  {
    id: 'signer-of-a-standby-starts-with-a-bundle',
    rule: '4.4: at start-up this is fatal for kcm',
    title: 'A controller manager that is restarted with a bundle as its signing certificate runs as long as it is a standby',
    area: 'requests and signer',
    disturbs: 'restores-itself',
    expected: { standby: 'runs' },
    async run(world, undo) {
      const leader = await mustBeLed(world, kcm);
      const standby = controlPlanes(world).find(({ name }) => name !== leader);
      if (standby === undefined) throw new Error('there is no standby');
      const pid = await pidOf(world, standby.name, kcm);
      const other = await newCa('fidelity-incoming');
      undo.add('all controller managers are calm', () => mustAllBeCalm(world, kcm));
      const restart = await restarterOf(world, undo, standby.name, kcm);
      await writeBundle(world, undo, standby, (now) => `${now}${other.certificatePem}`);
      await restart();
      const first = await mustBecome(
        world,
        'it is restarted',
        90_000,
        () => pidOf(world, standby.name, kcm),
        (now) => now !== 0 && now !== pid,
      );
      await world.pass(10_000);
      return { standby: (await pidOf(world, standby.name, kcm)) === first ? 'runs' : 'ends' };
    },
  },
  {
    id: 'signer-crashes-the-one-that-leads',
    rule: '4.4 and 6.19: kcm crashes on a bundle in the signing flag when it starts its controllers',
    title:
      'With bundles on all control planes and the leader killed, the standby that takes the lease ends with "expected 1 certificate, found 2"; with the files mended somebody leads and signs',
    area: 'requests and signer',
    disturbs: 'restores-itself',
    expected: { line: true, standbyEnded: true, mended: 'by the cluster CA' },
    async run(world, undo) {
      const nodes = controlPlanes(world);
      await mustAllBeCalm(world, kcm);
      const leader = await mustBeLed(world, kcm);
      const standbys = nodes.filter(({ name }) => name !== leader);
      const other = await newCa('fidelity-incoming');
      undo.add('all controller managers are calm', () => mustAllBeCalm(world, kcm));
      const pids = (): Promise<number[]> => Promise.all(standbys.map(({ name }) => pidOf(world, name, kcm)));
      const before = await pids();
      const said = async (): Promise<number> =>
        (await Promise.all(standbys.map(({ name }) => saidBy(world, name, kcm, 'expected 1 certificate, found 2')))).reduce((a, b) => a + b, 0);
      const saidBefore = await said();
      const mend = new Undo();
      undo.add('the files are mended', () => mend.all());
      for (const node of nodes) await writeBundle(world, mend, node, (now) => `${now}${other.certificatePem}`);
      await world.pass(noticeMs);
      await endLeader(world, leader);
      const hasEnded = (now: readonly number[]): boolean => now.some((pid, i) => pid !== before[i]);
      const left = await until(world, 60_000, pids, hasEnded);
      const line = (await until(world, 30_000, said, (now) => now > saidBefore)) > saidBefore;
      await mend.all();
      await mustAllBeCalm(world, kcm);
      return { line, standbyEnded: hasEnded(left), mended: await signs(world, undo, 30_000) };
    },
  },
  {
    id: 'publisher-read-its-file-at-start',
    rule: '0.2 R, 4.1: --root-ca-file is read once at kcm start',
    title: 'A namespace that is made after ca.crt was changed gets what the leader read at its start',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { published: 'the file of before' },
    async run(world, undo) {
      const node = nodeNamed(world, await mustBeLed(world, kcm));
      const other = await newCa('fidelity-incoming');
      let text = '';
      await writeBundle(world, undo, node, (now) => {
        text = now;
        return `${now}${other.certificatePem}`;
      });
      await world.pass(noticeMs);
      const namespace = await scratchNamespace(world, undo);
      const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'kube-root-ca.crt' };
      const data = await until(
        world,
        10_000,
        () => dataOf(world, ref),
        (now) => now['ca.crt'] !== undefined,
      );
      return { published: data['ca.crt'] === text ? 'the file of before' : data['ca.crt'] === undefined ? 'nothing' : 'the changed file' };
    },
  },
  {
    id: 'publisher-of-a-standby-reads-when-it-leads',
    rule: '4.1, 6.19: what a standby publishes when it takes over',
    title: 'A standby whose ca.crt was changed after its start, and that then takes over, publishes the changed file',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { otherLeads: true, sameProcess: true, published: 'the changed file' },
    async run(world, undo) {
      await mustAllBeCalm(world, kcm);
      const leader = await mustBeLed(world, kcm);
      const pids = new Map(await Promise.all(controlPlanes(world).map(async ({ name }) => [name, await pidOf(world, name, kcm)] as const)));
      const namespace = await scratchNamespace(world, undo);
      const ref = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'kube-root-ca.crt' };
      const before = (
        await mustBecome(
          world,
          'it is published',
          20_000,
          () => dataOf(world, ref),
          (data) => data['ca.crt'] !== undefined,
        )
      )['ca.crt'];
      undo.add('all controller managers are calm', async () => {
        // Whoever leads now published the file as it was changed: another one that reads it again puts it right.
        const now = await mustBeLed(world, kcm);
        await endLeader(world, now);
        await mustAllBeCalm(world, kcm);
        await mustBecome(
          world,
          'the file of before is published',
          60_000,
          () => dataOf(world, ref),
          (data) => data['ca.crt'] === before || data['ca.crt'] === undefined,
        );
      });
      // Another file, but no other certificate: it is the signer's too.
      for (const node of controlPlanes(world)) await writeBundle(world, undo, node, (now) => `${now}# changed\n`);
      await world.pass(noticeMs);
      await withdrawLeader(world, undo, leader);
      const led = await mustBeLed(world, kcm);
      const data = await until(
        world,
        15_000,
        () => dataOf(world, ref),
        (now) => now['ca.crt'] !== before,
      );
      const text = data['ca.crt'] ?? '';
      return {
        otherLeads: led !== leader,
        sameProcess: (await pidOf(world, led, kcm)) === pids.get(led),
        published: text === before ? 'the file of before' : text.endsWith('# changed\n') ? 'the changed file' : 'another',
      };
    },
  },
];
