/** The serving pair of a running API server, and its own pair towards kubelets. */

import { X509Certificate } from 'node:crypto';
import type { Behaviour } from '../behaviour.js';
import { pidOf } from '../components.js';
import { caOfCluster, leafOf, newCa, pkiFolder, probeUser } from '../credentials.js';
import { changeFile, textOf } from '../node-files.js';
import { fingerprintOf, keepConnection, servedBy } from '../questions.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlane, type World, type WorldNode, worker } from '../world.js';

const hotMs = 70_000;
const certificate = `${pkiFolder}/apiserver.crt`;
const key = `${pkiFolder}/apiserver.key`;

/** A pair for the same names as the one that is served. */
async function servingPair(world: World, node: WorldNode): Promise<Awaited<ReturnType<typeof leafOf>>> {
  const now = new X509Certificate(await textOf(world, node.name, certificate));
  const sans = (now.subjectAltName ?? '').split(', ').map((san) => san.replace(/^IP Address:/, 'IP:'));
  return leafOf(await caOfCluster(world), { commonName: 'kube-apiserver', sans, usages: ['serverAuth'] });
}

export const apiServing: readonly Behaviour[] = [
  {
    id: 'api-serving-pair-is-hot',
    rule: '0.2 H, 0.3, 4.7; step renew-control-plane',
    title: 'A serving pair that is replaced, key first, is presented to new handshakes without a restart; open connections stay',
    area: 'API server',
    disturbs: 'restores-itself',
    expected: { keyAlone: 'the pair of before', pair: 'the new pair', verifies: 'yes', openConnection: probeUser, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const at = { host: node.address, port: 6443 };
      const before = await servedBy(world, at);
      const pair = await servingPair(world, node);
      const words = (served: string): string => (served === before ? 'the pair of before' : served === fingerprintOf(pair.certificatePem) ? 'the new pair' : 'another');
      const pid = await pidOf(world, node.name, 'kube-apiserver');
      const connection = await keepConnection(world, node, await leafOf(await caOfCluster(world)));
      undo.add('the connection is closed', async () => connection.close());
      await connection.whoAmI();
      undo.add(
        'the pair of before is served',
        async () =>
          void (await mustBecome(
            world,
            'the pair of before',
            hotMs,
            () => servedBy(world, at),
            (served) => served === before,
          )),
      );
      await changeFile(world, undo, { node: node.name, path: key }, () => pair.key.reveal().toString('utf8'));
      // Between the two files the pair does not match, and the one that is loaded stays.
      await world.pass(4_000);
      const keyAlone = words(await servedBy(world, at));
      await changeFile(world, undo, { node: node.name, path: certificate }, () => pair.certificatePem);
      const served = words(
        await until(
          world,
          hotMs,
          () => servedBy(world, at),
          (now) => now !== before,
        ),
      );
      const verified = await world.tls.verifies(at, { caPem: (await caOfCluster(world)).certificatePem, deadlineMs: callMs });
      return {
        keyAlone,
        pair: served,
        verifies: verified.ok ? 'yes' : verified.error,
        openConnection: await connection.whoAmI(),
        sameProcess: (await pidOf(world, node.name, 'kube-apiserver')) === pid,
      };
    },
  },
  {
    id: 'api-reaches-kubelets-with-its-pair',
    rule: '3.1 E13',
    title: 'The API server asks kubelets for logs with its own client pair: those of a pod on a control plane and on a worker are there',
    area: 'API server',
    disturbs: 'nothing',
    expected: { controlPlane: 200, worker: 200, noSuchPod: 404 },
    async run(world) {
      const pods = await world.kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system' }, { deadlineMs: callMs });
      const onNode = (name: string): string =>
        pods.find(({ spec, status }) => (spec as { nodeName?: string }).nodeName === name && (status as { phase?: string }).phase === 'Running')?.metadata.name ?? 'none';
      const status = async (pod: string) => (await world.kube.get(`/api/v1/namespaces/kube-system/pods/${pod}/log?tailLines=1`, { deadlineMs: callMs })).status;
      return { controlPlane: await status(onNode(controlPlane(world).name)), worker: await status(onNode(worker(world).name)), noSuchPod: await status('no-such-pod') };
    },
  },
  {
    id: 'api-polls-its-kubelet-pair',
    rule: '0.2 P5, 3.1 E13; step renew-control-plane',
    title: 'The pair towards kubelets is taken up within five minutes without a restart: one that kubelets do not know breaks logs, and back again',
    area: 'API server',
    disturbs: 'restores-itself',
    slow: true,
    expected: { before: 200, withUnknown: 'refused', withNew: 200, sameProcess: true },
    async run(world, undo) {
      const node = controlPlane(world);
      const pods = await world.kube.list({ apiVersion: 'v1', kind: 'Pod', namespace: 'kube-system' }, { deadlineMs: callMs });
      const pod = pods.find(({ spec }) => (spec as { nodeName?: string }).nodeName === worker(world).name)?.metadata.name ?? 'none';
      const kube = world.kube.at(`https://${node.address}:6443`);
      const logs = async (): Promise<number> => (await kube.get(`/api/v1/namespaces/kube-system/pods/${pod}/log?tailLines=1`, { deadlineMs: callMs })).status;
      const pid = await pidOf(world, node.name, 'kube-apiserver');
      const before = await logs();
      const [unknown, fitting] = [
        await leafOf(await newCa('nobody')),
        await leafOf(await caOfCluster(world), { commonName: 'kube-apiserver-kubelet-client', organizations: ['kubeadm:cluster-admins'] }),
      ];
      undo.add('logs come again', async () => void (await mustBecome(world, 'logs', 400_000, logs, (status) => status === 200)));
      const write = async (pair: typeof unknown): Promise<void> => {
        await changeFile(world, undo, { node: node.name, path: `${pkiFolder}/apiserver-kubelet-client.key` }, () => pair.key.reveal().toString('utf8'));
        await changeFile(world, undo, { node: node.name, path: `${pkiFolder}/apiserver-kubelet-client.crt` }, () => pair.certificatePem);
      };
      await write(unknown);
      const broken = await until(world, 400_000, logs, (status) => status !== 200);
      await write(fitting);
      const withNew = await until(world, 400_000, logs, (status) => status === 200);
      return { before, withUnknown: broken === 200 ? 'accepted' : 'refused', withNew, sameProcess: (await pidOf(world, node.name, 'kube-apiserver')) === pid };
    },
  },
];
