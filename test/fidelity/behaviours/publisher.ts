/** What kube-controller-manager publishes of the cluster CA, and when it takes up another file. */

import { withFlags } from '../../../src/domain/cluster/manifest.js';
import { type Behaviour, Undo } from '../behaviour.js';
import { manifestOf, mustAllBeCalm, mustBeCalm, mustBeLed, pidOf } from '../components.js';
import { newCa } from '../credentials.js';
import { addFile, textOf, writeAgain } from '../node-files.js';
import { dataOf, decoded, scratchNamespace, tokenSecret } from '../scratch.js';
import { clientCa } from '../trust.js';
import { mustBecome, until } from '../until.js';
import { callMs, controlPlanes } from '../world.js';

const kcm = 'kube-controller-manager';

export const publisher: readonly Behaviour[] = [
  {
    id: 'publisher-reads-anew-when-restarted',
    rule: '4.1, 4.2: after a restart of the leader all namespaces and token Secrets converge; step await-publication',
    title: 'A leader that starts with another root-ca-file rewrites kube-root-ca.crt everywhere and ca.crt of token Secrets, and leaves tokens alone',
    area: 'controllers',
    disturbs: 'restores-itself',
    expected: { configMaps: 'all with the new bytes', secret: 'the new bytes', token: 'the same' },
    async run(world, undo) {
      const leader = await mustBeLed(world, kcm);
      const namespace = await scratchNamespace(world, undo);
      const secret = await tokenSecret(world, namespace);
      const before = await dataOf(world, secret);
      const own = await textOf(world, leader, clientCa);
      const other = `${own}${(await newCa('fidelity-incoming')).certificatePem}`;
      const published = async (): Promise<Set<string>> =>
        new Set(
          (await world.kube.list({ apiVersion: 'v1', kind: 'ConfigMap', fieldSelector: 'metadata.name=kube-root-ca.crt' }, { deadlineMs: callMs })).map(
            ({ data }) => (data as Record<string, string>)['ca.crt'] ?? '',
          ),
        );
      const isAll = (text: string) => (seen: ReadonlySet<string>) => seen.size === 1 && seen.has(text);
      undo.add('the cluster CA is published', async () => void (await mustBecome(world, 'the cluster CA in all namespaces', 90_000, published, isAll(own))));
      // All instances get a file of their own to read, so that whoever leads publishes the same, and the signer keeps its single certificate.
      const file = '/etc/kubernetes/pki/fidelity-published.crt';
      const nodes = controlPlanes(world);
      undo.add('all controller managers are calm', () => mustAllBeCalm(world, kcm));
      const manifests = await Promise.all(nodes.map(({ name }) => textOf(world, name, manifestOf(kcm))));
      const pids = await Promise.all(nodes.map(({ name }) => pidOf(world, name, kcm)));
      const restarted = async (): Promise<void> => {
        for (const { name } of nodes) await mustBeCalm(world, name, kcm);
      };
      undo.add('manifests of before', async () => {
        const now = await Promise.all(nodes.map(({ name }) => pidOf(world, name, kcm)));
        await Promise.all(nodes.map(({ name }, i) => writeAgain(world, { node: name, path: manifestOf(kcm) }, manifests[i] ?? '')));
        await Promise.all(
          nodes.map(({ name }, i) =>
            mustBecome(
              world,
              `kcm on ${name}`,
              120_000,
              () => pidOf(world, name, kcm),
              (pid) => pid !== 0 && pid !== now[i],
            ),
          ),
        );
        await restarted();
        for (const { name } of nodes) await world.shell(name).removeFile(file, { deadlineMs: callMs });
      });
      for (const { name } of nodes) await addFile(world, new Undo(), { node: name, path: file, mode: '0644' }, other);
      await Promise.all(nodes.map(({ name }, i) => writeAgain(world, { node: name, path: manifestOf(kcm) }, withFlags(manifests[i] ?? '', { 'root-ca-file': file }))));
      await Promise.all(
        nodes.map(({ name }, i) =>
          mustBecome(
            world,
            `kcm on ${name}`,
            120_000,
            () => pidOf(world, name, kcm),
            (pid) => pid !== 0 && pid !== pids[i],
          ),
        ),
      );
      await restarted();
      const all = await until(world, 60_000, published, isAll(other));
      const after = await until(
        world,
        20_000,
        () => dataOf(world, secret),
        (data) => decoded(data['ca.crt']) === other,
      );
      return {
        configMaps: isAll(other)(all) ? 'all with the new bytes' : `${all.size} kinds of bytes`,
        secret: decoded(after['ca.crt']) === other ? 'the new bytes' : 'the bytes of before',
        token: after.token === before.token ? 'the same' : 'another',
      };
    },
  },
];
