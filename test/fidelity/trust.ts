/** Further CAs in the client CA bundle of a node, for as long as a behaviour lasts. */

import type { KubeObject } from '../../src/ports/kube.js';
import type { Undo } from './behaviour.js';
import { caOfCluster, certificatesIn, fingerprintsOf, leafOf } from './credentials.js';
import { changeFile, textOf } from './node-files.js';
import { askKubelet, fingerprintOf, whoAmI } from './questions.js';
import { mustBecome } from './until.js';
import { callMs, type World, type WorldNode } from './world.js';

export const clientCa = '/etc/kubernetes/pki/ca.crt';
export const extensionTrust = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'extension-apiserver-authentication' } as const;

/**
 * Writes `ca.crt` of a node. When it is put back, the file has been loaded again and no API server still tells extension servers about
 * other CAs: to that ConfigMap they only ever add.
 */
export async function writeBundle(world: World, undo: Undo, node: WorldNode, change: (text: string) => string): Promise<void> {
  const before = fingerprintsOf(await textOf(world, node.name, clientCa));
  if (node.role === 'control-plane') undo.add('extension servers trust what they trusted', () => withdraw(world, before));
  undo.add(`${node.name} has loaded its bundle of before`, () => mustTrustOwn(world, node));
  await changeFile(world, undo, { node: node.name, path: clientCa }, change);
}

async function mustTrustOwn(world: World, node: WorldNode): Promise<void> {
  const own = await leafOf(await caOfCluster(world));
  if (node.role === 'control-plane')
    await mustBecome(
      world,
      'its own CA is trusted',
      90_000,
      () => whoAmI(world, node, own),
      (answer) => typeof answer === 'string',
    );
  await mustBecome(
    world,
    'its own CA is trusted by the kubelet',
    90_000,
    async () => (await askKubelet(world, node, own)).status,
    (status) => status === 403,
  );
}

export async function extensionCas(world: World): Promise<string[]> {
  return casIn(await world.kube.read(extensionTrust, { deadlineMs: callMs }));
}

/** Fingerprints of the CAs in an `extension-apiserver-authentication`. */
export function casIn(object: KubeObject | undefined): string[] {
  return fingerprintsOf((object?.data as Record<string, string> | undefined)?.['client-ca-file'] ?? '');
}

/** Takes out what is not in `keep`; again if an API server that has not loaded the reduced file yet put it back. */
async function withdraw(world: World, keep: readonly string[]): Promise<void> {
  const isClean = (cas: readonly string[]): boolean => cas.every((ca) => keep.includes(ca));
  await mustBecome(
    world,
    'extension servers trust the cluster CA only',
    120_000,
    async () => {
      const object = await world.kube.read(extensionTrust, { deadlineMs: callMs });
      const data = (object?.data ?? {}) as Record<string, string>;
      const text = data['client-ca-file'] ?? '';
      if (object === undefined || isClean(fingerprintsOf(text))) return fingerprintsOf(text);
      const kept = certificatesIn(text).filter((pem) => keep.includes(fingerprintOf(pem)));
      await world.kube.replace({ ...object, data: { ...data, 'client-ca-file': kept.join('') } }, { deadlineMs: callMs });
      await world.pass(1_500);
      return extensionCas(world);
    },
    isClean,
  );
}
