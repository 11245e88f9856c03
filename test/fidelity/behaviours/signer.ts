/** kube-controller-manager's signing pair and root CA file: what it takes up while it runs, and what it does not survive. */

import { type Behaviour, Undo } from '../behaviour.js';
import { leaderOf, mustAllBeCalm, mustBeLed, pidOf, processesOf, restarterOf } from '../components.js';
import { newCa } from '../credentials.js';
import { clientSigner, signs, stateOf, submit } from '../csr.js';
import { writeAgain } from '../node-files.js';
import { dataOf, scratchNamespace } from '../scratch.js';
import { clientCa, writeBundle } from '../trust.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlanes, nodeNamed, type World } from '../world.js';

const kcm = 'kube-controller-manager';
const noticeMs = 4_000;

/** What a static pod's container wrote last, its earlier instances included. */
async function logOf(world: World, node: string, component: string): Promise<string> {
  return world.shell(node).must(`cat $(ls -t /var/log/pods/kube-system_${component}-*/${component}/*.log | head -n 6) 2>/dev/null | tail -n 4000; true`, { deadlineMs: callMs });
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
    title: 'With bundles on all control planes whoever takes the lease ends with "expected 1 certificate, found 2", in a loop, until the files are mended',
    area: 'requests and signer',
    disturbs: 'restores-itself',
    expected: { line: true, ended: 2, mended: 'by the cluster CA' },
    async run(world, undo) {
      const nodes = controlPlanes(world);
      await mustAllBeCalm(world, kcm);
      const other = await newCa('fidelity-incoming');
      undo.add('all controller managers are calm', () => mustAllBeCalm(world, kcm));
      const pids = async (): Promise<number[]> => (await Promise.all(nodes.map(({ name }) => processesOf(world, name, kcm)))).flatMap((all) => all.map(({ pid }) => pid));
      const before = await pids();
      // The one that lost the lease, and the one that took it.
      const endedOf = (now: readonly number[]): number => before.filter((pid) => !now.includes(pid)).length;
      const mend = new Undo();
      undo.add('the files are mended', () => mend.all());
      for (const node of nodes) await writeBundle(world, mend, node, (now) => `${now}${other.certificatePem}`);
      await world.pass(noticeMs);
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'kube-system', name: kcm };
      await world.kube.patch(lease, { spec: { holderIdentity: '', leaseDurationSeconds: 1 } }, { deadlineMs: callMs });
      const wanted = 'expected 1 certificate, found 2';
      const logs = async (): Promise<string> => (await Promise.all(nodes.map(({ name }) => logOf(world, name, kcm)))).join('\n');
      const line = (await until(world, 60_000, logs, (text) => text.includes(wanted))).includes(wanted);
      const left = await until(world, 60_000, pids, (now) => endedOf(now) >= 2);
      await mend.all();
      await mustAllBeCalm(world, kcm);
      return { line, ended: Math.min(2, endedOf(left)), mended: await signs(world, undo, 30_000) };
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
];
