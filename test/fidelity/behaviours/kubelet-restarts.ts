/** What a kubelet reads at its start and never again, and what happens to its node meanwhile. */

import { withCaData } from '../../../src/domain/cluster/kubeconfig.js';
import type { Behaviour, Undo } from '../behaviour.js';
import { isReady, mustRenew, nodeLeaseRenewedAtMs, pidOf, readiness } from '../components.js';
import { caOfCluster, leafOf, newCa } from '../credentials.js';
import { changeFile } from '../node-files.js';
import { mustBecome, until } from '../until.js';
import { callMs, type World, worker } from '../world.js';

const conf = '/etc/kubernetes/kubelet.conf';
const pki = '/var/lib/kubelet/pki';
const current = `${pki}/kubelet-client-current.pem`;

function restart(world: World, node: string): Promise<unknown> {
  return world.shell(node).run('systemctl reset-failed kubelet 2>/dev/null; systemctl restart kubelet', { deadlineMs: 60_000 });
}

function restartAfterwards(world: World, undo: Undo, node: string): void {
  undo.add(`the kubelet of ${node} runs with what it had`, async () => {
    await restart(world, node);
    await mustRenew(world, node);
  });
}

/** Lines of the unit since a moment of the node's own clock. */
async function journalSince(world: World, node: string, since: string): Promise<string> {
  return world.shell(node).must(`journalctl -u kubelet --no-pager -o cat --since '${since}' 2>/dev/null | tail -n 400`, { deadlineMs: callMs });
}

async function clockOf(world: World, node: string): Promise<string> {
  return (await world.shell(node).must("date '+%Y-%m-%d %H:%M:%S'", { deadlineMs: callMs })).trim();
}

async function isActive(world: World, node: string): Promise<string> {
  return (await world.shell(node).run('systemctl is-active kubelet', { deadlineMs: callMs })).stdout.trim();
}

/** Start times of the running containers of a node's pods, by container id. */
async function containersOn(world: World, node: string): Promise<string[]> {
  const pods = await world.kube.list({ apiVersion: 'v1', kind: 'Pod', fieldSelector: `spec.nodeName=${node}` }, { deadlineMs: callMs });
  return pods
    .flatMap(({ status }) => (status as { containerStatuses?: { containerID?: string; state?: { running?: { startedAt?: string } } }[] }).containerStatuses ?? [])
    .map(({ containerID, state }) => `${containerID} ${state?.running?.startedAt}`)
    .sort();
}

export const kubeletRestarts: readonly Behaviour[] = [
  {
    id: 'kubelet-restart-keeps-pods',
    rule: '4.5: a kubelet restart does not restart containers, and marks nothing NotReady',
    title: 'After a restart the kubelet is another process, containers run on, the lease is renewed and the node was never NotReady',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { otherProcess: true, sameContainers: true, renewed: true, alwaysReady: true, active: 'active' },
    async run(world) {
      const node = worker(world).name;
      const [pid, containers, renewedAt] = [await pidOf(world, node, 'kubelet'), await containersOn(world, node), await nodeLeaseRenewedAtMs(world, node)];
      await restart(world, node);
      let alwaysReady = true;
      const look = async (): Promise<number> => {
        alwaysReady &&= await isReady(world, node);
        return nodeLeaseRenewedAtMs(world, node);
      };
      // Twice: the second one is surely of the new process.
      const first = await until(world, 40_000, look, (at) => at > renewedAt);
      const second = await until(world, 40_000, look, (at) => at > first);
      return {
        otherProcess: await until(
          world,
          10_000,
          async () => ![0, pid].includes(await pidOf(world, node, 'kubelet')),
          (other) => other,
        ),
        sameContainers: JSON.stringify(await containersOn(world, node)) === JSON.stringify(containers) && containers.length > 0,
        renewed: second > first && first > renewedAt,
        alwaysReady,
        active: await isActive(world, node),
      };
    },
  },
  {
    id: 'kubelet-without-pem',
    rule: '4.5: pem deleted while running, and restarted without a bootstrap kubeconfig',
    title: 'Without kubelet-client-current.pem a running kubelet goes on; restarted, it ends with a line about bootstrap-kubelet.conf; with the link back it runs',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { renewsWithout: true, restarted: 'ends', line: true, back: 'active' },
    async run(world, undo) {
      const node = worker(world).name;
      const shell = world.shell(node);
      const leadsTo = (await shell.must(`readlink ${current}`, { deadlineMs: callMs })).trim();
      restartAfterwards(world, undo, node);
      undo.add('the link is back', () => shell.replaceLink(current, leadsTo, { deadlineMs: callMs }));
      const from = await nodeLeaseRenewedAtMs(world, node);
      await shell.removeFile(current, { deadlineMs: callMs });
      const renewsWithout =
        (await until(
          world,
          25_000,
          () => nodeLeaseRenewedAtMs(world, node),
          (at) => at > from,
        )) > from;
      const since = await clockOf(world, node);
      await restart(world, node);
      const wanted = 'unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory';
      const line = (
        await until(
          world,
          30_000,
          () => journalSince(world, node, since),
          (text) => text.includes(wanted),
        )
      ).includes(wanted);
      const restarted = await until(
        world,
        20_000,
        () => isActive(world, node),
        (state) => state !== 'active',
      );
      await shell.replaceLink(current, leadsTo, { deadlineMs: callMs });
      await restart(world, node);
      await mustRenew(world, node);
      return { renewsWithout, restarted: restarted === 'active' ? 'runs' : 'ends', line, back: await isActive(world, node) };
    },
  },
  {
    id: 'kubelet-reads-its-ca-at-start',
    rule: '3.1 E7, 4.5: CA in kubelet.conf is R; wrong, it gives x509 errors and no exit',
    title: 'A wrong CA in kubelet.conf does nothing until the restart; then the journal says "unknown authority", the lease stops, and the kubelet runs on',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { beforeRestart: 'renews', afterRestart: 'does not renew', journal: 'x509: certificate signed by unknown authority', active: 'active' },
    async run(world, undo) {
      const node = worker(world).name;
      const other = (await newCa('nobody')).certificatePem;
      restartAfterwards(world, undo, node);
      await changeFile(world, undo, { node, path: conf }, (text) => withCaData(text, other));
      const from = await nodeLeaseRenewedAtMs(world, node);
      const beforeRestart =
        (await until(
          world,
          25_000,
          () => nodeLeaseRenewedAtMs(world, node),
          (at) => at > from,
        )) > from
          ? 'renews'
          : 'does not renew';
      const since = await clockOf(world, node);
      await restart(world, node);
      const wanted = 'x509: certificate signed by unknown authority';
      const journal = await until(
        world,
        40_000,
        () => journalSince(world, node, since),
        (text) => text.includes(wanted),
      );
      const stopped = await nodeLeaseRenewedAtMs(world, node);
      await world.pass(12_000);
      const afterRestart = (await nodeLeaseRenewedAtMs(world, node)) > stopped ? 'renews' : 'does not renew';
      return { beforeRestart, afterRestart, journal: journal.includes(wanted) ? wanted : '', active: await isActive(world, node) };
    },
  },
  {
    id: 'kubelet-of-an-unknown-ca-gets-401',
    rule: '4.5: pem valid by date but signed by an untrusted CA: 401 on everything, no bootstrap, no exit',
    title: 'With a client certificate of a CA that nobody trusts a restarted kubelet is refused, runs on, and does not renew',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { afterRestart: 'does not renew', journal: 'Unauthorized', active: 'active' },
    async run(world, undo) {
      const node = worker(world).name;
      const shell = world.shell(node);
      const leadsTo = (await shell.must(`readlink ${current}`, { deadlineMs: callMs })).trim();
      const leaf = await leafOf(await newCa('nobody'), { commonName: `system:node:${node}`, organizations: ['system:nodes'] });
      const file = `${pki}/kubelet-client-2020-01-01-00-00-00.pem`;
      restartAfterwards(world, undo, node);
      undo.add('the file of the unknown CA is removed', () => shell.removeFile(file, { deadlineMs: callMs }));
      undo.add('the link is back', () => shell.replaceLink(current, leadsTo, { deadlineMs: callMs }));
      await shell.replaceFile(file, { bytes: Buffer.from(`${leaf.certificatePem}${leaf.key.reveal().toString('utf8')}`), mode: '0600', uid: 0, gid: 0 }, { deadlineMs: callMs });
      await shell.replaceLink(current, file, { deadlineMs: callMs });
      const since = await clockOf(world, node);
      await restart(world, node);
      const journal = await until(
        world,
        40_000,
        () => journalSince(world, node, since),
        (text) => text.includes('Unauthorized'),
      );
      const stopped = await nodeLeaseRenewedAtMs(world, node);
      await world.pass(12_000);
      return {
        afterRestart: (await nodeLeaseRenewedAtMs(world, node)) > stopped ? 'renews' : 'does not renew',
        journal: journal.includes('Unauthorized') ? 'Unauthorized' : '',
        active: await isActive(world, node),
      };
    },
  },
  {
    id: 'kubelet-takes-another-pem-at-start',
    rule: '1.3, 4.5: leaf then key, symlink swapped, restart; step renew-kubelets',
    title: 'Another client certificate behind the link is used after the restart: the kubelet renews its lease with it',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { renews: true, ready: true },
    async run(world, undo) {
      const node = worker(world).name;
      const shell = world.shell(node);
      const leadsTo = (await shell.must(`readlink ${current}`, { deadlineMs: callMs })).trim();
      const leaf = await leafOf(await caOfCluster(world), { commonName: `system:node:${node}`, organizations: ['system:nodes'], notAfterMs: Date.now() + 365 * 86_400_000 });
      const file = `${pki}/kubelet-client-2020-01-01-00-00-01.pem`;
      restartAfterwards(world, undo, node);
      undo.add('the file is removed', () => shell.removeFile(file, { deadlineMs: callMs }));
      undo.add('the link is back', () => shell.replaceLink(current, leadsTo, { deadlineMs: callMs }));
      await shell.replaceFile(file, { bytes: Buffer.from(`${leaf.certificatePem}${leaf.key.reveal().toString('utf8')}`), mode: '0600', uid: 0, gid: 0 }, { deadlineMs: callMs });
      await shell.replaceLink(current, file, { deadlineMs: callMs });
      const from = await nodeLeaseRenewedAtMs(world, node);
      await restart(world, node);
      const first = await until(
        world,
        40_000,
        () => nodeLeaseRenewedAtMs(world, node),
        (at) => at > from,
      );
      const second = await until(
        world,
        40_000,
        () => nodeLeaseRenewedAtMs(world, node),
        (at) => at > first,
      );
      return { renews: second > first, ready: await isReady(world, node) };
    },
  },
  {
    id: 'kubelet-silent-makes-not-ready',
    rule: '0.6, 8: node lease 40 s, node-monitor-grace-period 50 s (1.34)',
    title: 'A node whose kubelet is stopped is not NotReady for half a minute, is NotReady after a minute, and Ready when it is back',
    area: 'kubelet',
    disturbs: 'restores-itself',
    slow: true,
    expected: { after30s: 'True', after75s: 'Unknown', back: 'True' },
    async run(world, undo) {
      const node = worker(world).name;
      const ready = (): Promise<string> => readiness(world, node);
      restartAfterwards(world, undo, node);
      await mustBecome(
        world,
        'the lease is fresh',
        30_000,
        async () => Date.now() - (await nodeLeaseRenewedAtMs(world, node)),
        (age) => age < 3_000,
      );
      await world.shell(node).must('systemctl stop kubelet', { deadlineMs: 60_000 });
      await world.pass(30_000);
      const after30s = await ready();
      await world.pass(45_000);
      const after75s = await ready();
      await world.shell(node).must('systemctl start kubelet', { deadlineMs: 60_000 });
      await mustRenew(world, node);
      return { after30s, after75s, back: await ready() };
    },
  },
];
