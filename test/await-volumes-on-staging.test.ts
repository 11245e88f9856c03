/** await-volumes against kubelets that really write volumes: it says no until the last of them has followed what is published. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withFlags } from '../src/domain/cluster/manifest.js';
import { awaitVolumes } from '../src/steps/await-volumes/kind.js';
import { artefactNames } from '../src/operations/run-files.js';
import type { Site } from '../src/ports/step-kind.js';
import { caOfCluster, newCa } from './fidelity/credentials.js';
import { addFile, changeFile } from './fidelity/node-files.js';
import { openStagingWorld } from './fidelity/staging-world.js';
import { Undo } from './fidelity/behaviour.js';
import { dataOf } from './fidelity/scratch.js';
import { mustBecome } from './fidelity/until.js';
import { callMs, controlPlane, type World, worker } from './fidelity/world.js';

/** Of its own: the signing file must not be a bundle. */
const published = '/etc/kubernetes/pki/published-ca.crt';
const manifest = '/etc/kubernetes/manifests/kube-controller-manager.yaml';
const both = awaitVolumes.params.parse({ trusts: ['outgoing', 'incoming'] });
const incomingOnly = awaitVolumes.params.parse({ trusts: ['incoming'] });

describe('await-volumes on a staging cluster', () => {
  let world: World;
  let cas: { readonly outgoing: string; readonly incoming: string };
  const undo = new Undo();
  const told: string[] = [];
  /** By target: how often it has looked and was not content. */
  const waits = new Map<string, number>();

  beforeAll(async () => {
    // Slower than usual: pods of a kubelet that stands still are evicted after five minutes.
    world = await openStagingWorld({ topology: 'small', speed: 4 });
    cas = { outgoing: (await caOfCluster(world)).certificatePem, incoming: (await newCa('incoming')).certificatePem };
  });
  afterAll(() => world.close());

  /** All that the kind uses. */
  function siteOf(target: string): Site {
    const artefacts = new Map<string, string>([
      [artefactNames.outgoingCa, cas.outgoing],
      [artefactNames.incomingCa, cas.incoming],
    ]);
    const site: Pick<Site, 'target' | 'shell' | 'access' | 'artefacts' | 'signal' | 'deadlineAtMs' | 'now' | 'wait' | 'tell'> = {
      target,
      shell: world.shell(target),
      access: { kube: () => world.kube } as Site['access'],
      artefacts: { get: (name: string) => artefacts.get(name) } as Site['artefacts'],
      signal: new AbortController().signal,
      deadlineAtMs: Date.now() + 300_000,
      now: Date.now,
      wait(ms) {
        waits.set(target, (waits.get(target) ?? 0) + 1);
        return world.pass(ms);
      },
      tell: (line) => void told.push(line),
    };
    return site as Site;
  }

  /** As the controller manager publishes it: it reads its file when it starts. */
  async function publish(text: string): Promise<void> {
    const node = controlPlane(world).name;
    await addFile(world, undo, { node, path: published }, text);
    await changeFile(world, undo, { node, path: manifest }, (now) => withFlags(now, { 'root-ca-file': published }));
    await mustBecome(
      world,
      'kube-root-ca.crt is published everywhere',
      120_000,
      async () =>
        Promise.all(['kube-system', 'kube-flannel', 'felt'].map((namespace) => dataOf(world, { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: 'kube-root-ca.crt' }))),
      (maps) => maps.every((data) => data['ca.crt'] === text),
    );
  }

  it('sees that volumes are behind right after the publication, waits for the kubelets, and names none afterwards', async () => {
    const nodes = world.nodes.map(({ name }) => name);
    const states = (params: typeof both): Promise<string[]> => Promise.all(nodes.map((node) => awaitVolumes.inspect(siteOf(node), params)));
    expect(await states(both)).toEqual(['absent', 'absent']);
    // However long the publication takes here: a kubelet that stands still has written nothing by then.
    const still = worker(world).name;
    await world.shell(still).must('systemctl stop kubelet', { deadlineMs: callMs });
    await publish(`${cas.outgoing}${cas.incoming}`);
    expect(await awaitVolumes.inspect(siteOf(still), both)).toBe('absent');
    let isProved = false;
    const proofs = Promise.all(nodes.map((node) => awaitVolumes.verify(siteOf(node), both))).finally(() => {
      isProved = true;
    });
    await mustBecome(
      world,
      'it has looked and waits',
      120_000,
      async () => waits.get(still) ?? 0,
      (count) => count >= 2,
    );
    expect(isProved).toBe(false);
    await world.shell(still).must('systemctl start kubelet', { deadlineMs: callMs });
    expect((await proofs).flat()).toEqual([]);
    expect(told.filter((line) => line.includes('outgoing + incoming: proved after'))).toHaveLength(nodes.length);
    expect(await states(both)).toEqual(['present', 'present']);
    expect(await states(incomingOnly)).toEqual(['absent', 'absent']);
  });
});
