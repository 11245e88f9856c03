/** kube-controller-manager with a signing pair and a root CA file of its own, as the step switch-signer leaves it. */

import { withFlags } from '../../../src/domain/cluster/manifest.js';
import type { Behaviour, Undo } from '../behaviour.js';
import { manifestOf, mustAllBeCalm, mustBeCalm, mustBeLed, pidOf } from '../components.js';
import { caOfCluster, newCa } from '../credentials.js';
import { signs } from '../csr.js';
import { textOf, writeAgain } from '../node-files.js';
import { dataOf, decoded, scratchNamespace, tokenSecret } from '../scratch.js';
import { clientCa } from '../trust.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlanes, type World } from '../world.js';

const kcm = 'kube-controller-manager';
const folder = '/etc/kubernetes/pki';
const files = { signingCa: `${folder}/fidelity-signing.crt`, signingKey: `${folder}/fidelity-signing.key`, published: `${folder}/fidelity-published.crt` };
const flags = { 'cluster-signing-cert-file': files.signingCa, 'cluster-signing-key-file': files.signingKey, 'root-ca-file': files.published };
const hotMs = 70_000;

/** Writes the manifests of all instances, and waits until each is another process that serves. */
async function writeManifests(world: World, texts: readonly string[]): Promise<void> {
  await Promise.all(
    controlPlanes(world).map(async ({ name }, i) => {
      const at = { node: name, path: manifestOf(kcm) };
      const text = texts[i] ?? '';
      if ((await textOf(world, name, at.path)) === text) return;
      const before = await pidOf(world, name, kcm);
      await writeAgain(world, at, text);
      await mustBecome(
        world,
        `${kcm} on ${name} is restarted`,
        120_000,
        () => pidOf(world, name, kcm),
        (pid) => pid !== 0 && pid !== before,
      );
      await mustBeCalm(world, name, kcm);
    }),
  );
}

async function useFilesOfItsOwn(world: World, undo: Undo, bundle: string): Promise<void> {
  const nodes = controlPlanes(world);
  const own = await caOfCluster(world);
  const before = await Promise.all(nodes.map(({ name }) => textOf(world, name, manifestOf(kcm))));
  const write = (node: string, path: string, bytes: string | typeof own.keyPem) =>
    world.shell(node).replaceFile(path, { bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes, mode: '0600', uid: 0, gid: 0 }, { deadlineMs: callMs });
  undo.add('all controller managers are calm', () => mustAllBeCalm(world, kcm));
  undo.add('files of its own are removed', async () => {
    for (const { name } of nodes) for (const path of Object.values(files)) await world.shell(name).removeFile(path, { deadlineMs: callMs });
  });
  undo.add('the manifests are those of before', () => writeManifests(world, before));
  for (const { name } of nodes) {
    await write(name, files.signingKey, own.keyPem);
    await write(name, files.signingCa, own.certificatePem);
    await write(name, files.published, bundle);
  }
  await writeManifests(
    world,
    before.map((text) => withFlags(text, flags)),
  );
}

export const publisher: readonly Behaviour[] = [
  {
    id: 'manager-with-files-of-its-own',
    rule: '4.1, 4.2, 4.4; steps switch-signer and await-publication',
    title: 'A restarted leader publishes its root-ca-file in all namespaces and token Secrets, tokens untouched; its signing pair is switched without a restart, as a pair only',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: {
      configMaps: 'all with the new bytes',
      secret: 'the new bytes',
      token: 'the same',
      signing: { before: 'by the cluster CA', keyAlone: 'by the cluster CA', pair: 'by the incoming CA', back: 'by the cluster CA' },
      sameProcess: true,
    },
    async run(world, undo) {
      const secret = await tokenSecret(world, await scratchNamespace(world, undo));
      const before = await dataOf(world, secret);
      const incoming = await newCa('fidelity-incoming');
      const own = await textOf(world, controlPlanes(world)[0]?.name ?? '', clientCa);
      const bundle = `${own}${incoming.certificatePem}`;
      const published = async (): Promise<string> => {
        const all = await world.kube.list({ apiVersion: 'v1', kind: 'ConfigMap', fieldSelector: 'metadata.name=kube-root-ca.crt' }, { deadlineMs: callMs });
        const kinds = new Set(all.map(({ data }) => (data as Record<string, string>)['ca.crt']));
        return kinds.size > 1 ? `${kinds.size} kinds of bytes` : kinds.has(bundle) ? 'all with the new bytes' : kinds.has(own) ? 'all as before' : 'all with others';
      };
      undo.add('the cluster CA is published', async () => void (await mustBecome(world, 'the cluster CA in all namespaces', 90_000, published, (now) => now === 'all as before')));
      await useFilesOfItsOwn(world, undo, bundle);
      const configMaps = await until(world, 60_000, published, (now) => now === 'all with the new bytes');
      const after = await until(
        world,
        20_000,
        () => dataOf(world, secret),
        (data) => decoded(data['ca.crt']) === bundle,
      );
      const leader = await mustBeLed(world, kcm);
      const pid = await pidOf(world, leader, kcm);
      const { keyPem, certificatePem } = await caOfCluster(world);
      const asks = (by: string) =>
        until(
          world,
          hotMs,
          () => signs(world, undo, 8_000, incoming),
          (answer) => answer === by,
        );
      const write = (path: string, text: string) => writeAgain(world, { node: leader, path }, text);
      const first = await signs(world, undo);
      await write(files.signingKey, incoming.keyPem.reveal().toString('utf8'));
      await world.pass(4_000);
      const keyAlone = await signs(world, undo);
      await write(files.signingCa, incoming.certificatePem);
      const pair = await asks('by the incoming CA');
      await write(files.signingKey, keyPem.reveal().toString('utf8'));
      await write(files.signingCa, certificatePem);
      const back = await asks('by the cluster CA');
      return {
        configMaps,
        secret: decoded(after['ca.crt']) === bundle ? 'the new bytes' : 'others',
        token: after.token === before.token ? 'the same' : 'another',
        signing: { before: first, keyAlone, pair, back },
        sameProcess: (await pidOf(world, leader, kcm)) === pid,
      };
    },
  },
];
