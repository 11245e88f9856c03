/** Kubelets as servers: who they let in, and what they present. */

import { X509Certificate } from 'node:crypto';
import type { Behaviour } from '../behaviour.js';
import { pidOf } from '../components.js';
import { caOfCluster, leafOf, newCa, probeUser } from '../credentials.js';
import { writeAgain } from '../node-files.js';
import { askKubelet } from '../questions.js';
import { clientCa, writeBundle } from '../trust.js';
import { until } from '../until.js';
import { callMs, worker } from '../world.js';

const hotMs = 70_000;

export const kubelets: readonly Behaviour[] = [
  {
    id: 'kubelet-401-and-403',
    rule: '7: kubelet GET /pods; step verify-distrust',
    title: 'A kubelet answers 401 to nobody and to unknown CAs, 403 with the name to a user without rights, 200 to an administrator',
    area: 'kubelet',
    disturbs: 'nothing',
    expected: {
      none: '401 Unauthorized',
      unknownCa: '401 Unauthorized',
      noRights: `403 Forbidden (user=${probeUser}, verb=get, resource=nodes, subresource(s)=[pods proxy])\n`,
      administrator: 200,
    },
    async run(world) {
      const node = worker(world);
      const ca = await caOfCluster(world);
      const words = async (by: Parameters<typeof askKubelet>[2]): Promise<string> => {
        const { status, body } = await askKubelet(world, node, by);
        return `${status} ${body}`;
      };
      return {
        none: await words(undefined),
        unknownCa: await words(await leafOf(await newCa('nobody'))),
        noRights: await words(await leafOf(ca)),
        administrator: (await askKubelet(world, node, await leafOf(ca, { organizations: ['kubeadm:cluster-admins'] }))).status,
      };
    },
  },
  {
    id: 'kubelet-client-ca-is-hot',
    rule: '0.2 H, 1.3, 3.4; step set-server-trust',
    title: 'A CA that is added to clientCAFile is trusted by the kubelet without a restart, a malformed bundle changes nothing, and taken out it is refused',
    area: 'kubelet',
    disturbs: 'restores-itself',
    expected: { before: 401, added: 403, malformed: 403, removed: 401, sameProcess: true },
    async run(world, undo) {
      const node = worker(world);
      const incoming = await newCa('fidelity-incoming');
      const leaf = await leafOf(incoming);
      const ask = async (): Promise<number> => (await askKubelet(world, node, leaf)).status;
      const pid = await pidOf(world, node.name, 'kubelet');
      const before = await ask();
      let text = '';
      await writeBundle(world, undo, node, (now) => {
        text = now;
        return `${now}${incoming.certificatePem}`;
      });
      const write = (bundle: string) => writeAgain(world, { node: node.name, path: clientCa }, bundle);
      const added = await until(world, hotMs, ask, (status) => status === 403);
      await write(`${text}-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n`);
      await world.pass(4_000);
      const malformed = await ask();
      await write(text);
      const removed = await until(world, hotMs, ask, (status) => status === 401);
      return { before, added, malformed, removed, sameProcess: (await pidOf(world, node.name, 'kubelet')) === pid };
    },
  },
  {
    id: 'kubelet-signs-its-own-serving-pair',
    rule: '1.3: kubelet.crt is made by the kubelet under a throw-away CA',
    title: 'A kubelet presents a leaf under a CA of its own, which the cluster CA does not verify',
    area: 'kubelet',
    disturbs: 'nothing',
    expected: { verifiesByClusterCa: false, commonName: 'NODE@SECONDS', issuer: 'NODE-ca@SECONDS', isOnDisk: true },
    async run(world) {
      const node = worker(world);
      const at = { host: node.address, port: 10250 };
      const { ok } = await world.tls.verifies(at, { caPem: (await caOfCluster(world)).certificatePem, deadlineMs: callMs });
      const [pem = ''] = await world.tls.presentedBy(at, { deadlineMs: callMs });
      const leaf = new X509Certificate(pem);
      const form = (name: string): string =>
        name
          .replace(/^CN=/, '')
          .replace(node.name, 'NODE')
          .replace(/@\d{10}$/, '@SECONDS');
      const onDisk = await world.shell(node.name).must('cat /var/lib/kubelet/pki/kubelet.crt', { deadlineMs: callMs });
      return { verifiesByClusterCa: ok, commonName: form(leaf.subject), issuer: form(leaf.issuer), isOnDisk: onDisk.includes(pem.trim().split('\n')[3] ?? 'no such line') };
    },
  },
];
