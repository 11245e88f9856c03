/** Kubelets as servers: the pair that they present, and the CAs that they name to clients. */

import { parse, stringify } from 'yaml';
import type { ClientCredential } from '../../src/ports/tls-probe.js';
import type { Undo } from '../fidelity/behaviour.js';
import { mustRenew, pidOf } from '../fidelity/components.js';
import { caOfCluster, leafOf, newCa } from '../fidelity/credentials.js';
import { changeFile } from '../fidelity/node-files.js';
import { fingerprintOf, servedBy } from '../fidelity/questions.js';
import { writeBundle } from '../fidelity/trust.js';
import { mustBecome } from '../fidelity/until.js';
import { callMs, worker, type World, type WorldNode } from '../fidelity/world.js';
import { becomes, type Experiment, hotMs } from './experiment.js';

const pki = '/var/lib/kubelet/pki';
const config = '/var/lib/kubelet/config.yaml';
const pemKey = (credential: ClientCredential): string => credential.key.reveal().toString('utf8');

export async function restartKubelet(world: World, node: string): Promise<void> {
  await world.shell(node).must('systemctl restart kubelet', { deadlineMs: 60_000 });
  await mustRenew(world, node);
}

/** Names of the CAs that the kubelet tells clients to choose from, in its handshake. */
async function hints(world: World, node: WorldNode): Promise<string> {
  return world
    .shell(node.name)
    .must(`openssl s_client -connect ${node.address}:10250 </dev/null 2>/dev/null | sed -n '/^Acceptable client/,/^Requested/p'`, { deadlineMs: callMs });
}

/** A serving pair of the kubelet in the place of its own, until the experiment is over; the kubelet itself is not restarted. */
export async function servingPairOn(world: World, undo: Undo, node: WorldNode, pair: ClientCredential): Promise<void> {
  await changeFile(world, undo, { node: node.name, path: `${pki}/kubelet.key` }, () => pemKey(pair));
  await changeFile(world, undo, { node: node.name, path: `${pki}/kubelet.crt` }, () => pair.certificatePem);
}

export function kubelets(minor: number): readonly Experiment[] {
  const takesPair = minor >= 31;
  const tellsHints = minor >= 36;
  return [
    {
      id: 'kubelet-serving-pair',
      rows: [
        ['kubelet', 'tlsCertFile'],
        ['kubelet', 'tls-cert-file'],
      ],
      rule: 'InitializeTLS; from 1.31 ReloadKubeletServerCertificateFile',
      title: `A serving pair that is put in the place of kubelet.crt is ${takesPair ? 'presented within a minute' : 'not presented before a restart'}`,
      area: 'kubelet',
      disturbs: 'restores-itself',
      expected: { withoutRestart: takesPair, restarted: true, sameProcess: true },
      async run(world, undo) {
        const node = worker(world);
        const at = { host: node.address, port: 10250 };
        const pair = await leafOf(await newCa('kubelet-serving'), { commonName: node.name, sans: [node.name, node.address], usages: ['serverAuth'] });
        undo.add('the kubelet runs with its pair', () => restartKubelet(world, node.name));
        const pid = await pidOf(world, node.name, 'kubelet');
        await servingPairOn(world, undo, node, pair);
        const isServed = async (): Promise<boolean> => (await servedBy(world, at)) === fingerprintOf(pair.certificatePem);
        const withoutRestart = await becomes(world, hotMs, isServed);
        const sameProcess = (await pidOf(world, node.name, 'kubelet')) === pid;
        await restartKubelet(world, node.name);
        return { withoutRestart, restarted: await becomes(world, 30_000, isServed), sameProcess };
      },
    },
    {
      id: 'kubelet-names-of-client-cas',
      rows: [['kubelet', 'clientCAFile as a hint']],
      rule: 'InitializeTLS; from 1.36 ReloadKubeletClientCAFile',
      title: `A CA that is added to clientCAFile is ${tellsHints ? 'named to clients within a minute' : 'trusted, and not named to clients before a restart'}`,
      area: 'kubelet',
      disturbs: 'restores-itself',
      expected: { own: true, withoutRestart: tellsHints, restarted: true },
      async run(world, undo) {
        const node = worker(world);
        const incoming = await newCa('load-policies-hint');
        const isNamed = async (): Promise<boolean> => (await hints(world, node)).includes('load-policies-hint');
        const own = (await hints(world, node)).includes('kubernetes');
        undo.add('the kubelet names its own CA', () => restartKubelet(world, node.name));
        await writeBundle(world, undo, node, (text) => `${text}${incoming.certificatePem}`);
        const withoutRestart = await becomes(world, hotMs, isNamed);
        await restartKubelet(world, node.name);
        return { own, withoutRestart, restarted: await becomes(world, 30_000, isNamed) };
      },
    },
    {
      id: 'kubelet-server-current',
      rows: [['kubelet', 'kubelet-server-current.pem']],
      rule: 'certificate_manager.go',
      title: 'A pair that is put behind kubelet-server-current.pem by hand is not presented before a restart',
      area: 'kubelet',
      disturbs: 'restores-itself',
      expected: { signed: true, withoutRestart: false, restarted: true },
      async run(world, undo) {
        const node = worker(world);
        const shell = world.shell(node.name);
        const at = { host: node.address, port: 10250 };
        const current = `${pki}/kubelet-server-current.pem`;
        undo.add('the kubelet serves its own pair', () => restartKubelet(world, node.name));
        undo.add('pairs of its bootstrap are gone', async () => void (await shell.must(`rm -f ${pki}/kubelet-server-*.pem`, { deadlineMs: callMs })));
        await changeFile(world, undo, { node: node.name, path: config }, (text) => stringify({ ...(parse(text) as object), serverTLSBootstrap: true }));
        await restartKubelet(world, node.name);
        await mustBecome(
          world,
          'the kubelet has a signed serving pair',
          90_000,
          () => approveServing(world, node.name, current),
          (there) => there,
        );
        const ca = await caOfCluster(world);
        const signed = await becomes(world, 60_000, async () => (await world.tls.verifies(at, { caPem: ca.certificatePem, deadlineMs: callMs, serverName: node.name })).ok);
        const pair = await leafOf(ca, { commonName: `system:node:${node.name}`, organizations: ['system:nodes'], sans: [node.name, node.address], usages: ['serverAuth'] });
        const byHand = `${pki}/kubelet-server-2020-01-01-00-00-00.pem`;
        await shell.replaceFile(byHand, { bytes: Buffer.from(`${pair.certificatePem}${pemKey(pair)}`), mode: '0600', uid: 0, gid: 0 }, { deadlineMs: callMs });
        await shell.replaceLink(current, byHand, { deadlineMs: callMs });
        const isServed = async (): Promise<boolean> => (await servedBy(world, at)) === fingerprintOf(pair.certificatePem);
        const withoutRestart = await becomes(world, hotMs, isServed);
        await restartKubelet(world, node.name);
        return { signed, withoutRestart, restarted: await becomes(world, 30_000, isServed) };
      },
    },
  ];
}

/** Nobody approves these by himself. */
async function approveServing(world: World, node: string, file: string): Promise<boolean> {
  const all = await world.kube.list({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest' }, { deadlineMs: callMs });
  for (const { metadata, spec, status } of all) {
    const { signerName, username } = spec as { signerName: string; username: string };
    const isOpen = ((status as { conditions?: unknown[] } | undefined)?.conditions ?? []).length === 0;
    if (isOpen && signerName === 'kubernetes.io/kubelet-serving' && username === `system:node:${node}`)
      await world.kube.approve(metadata.name, 'LoadPolicies', { deadlineMs: callMs });
  }
  return (await world.shell(node).run(`test -e ${file}`, { deadlineMs: callMs })).exitCode === 0;
}
