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
import { controlPlane, type World } from './fidelity/world.js';

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

  beforeAll(async () => {
    // Half as fast as usual: what is looked for is a state that lasts for four seconds at twenty times.
    world = await openStagingWorld({ topology: 'small', speed: 10 });
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
      deadlineAtMs: Date.now() + 60_000,
      now: Date.now,
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms / 10)),
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
    await publish(`${cas.outgoing}${cas.incoming}`);
    expect(await states(both)).toEqual(['absent', 'absent']);
    const startedAt = performance.now();
    expect((await Promise.all(nodes.map((node) => awaitVolumes.verify(siteOf(node), both)))).flat()).toEqual([]);
    // At least the sixty seconds of a sync that had not come yet for one of a dozen pods, as fast as time is here.
    expect(performance.now() - startedAt).toBeGreaterThan(1_000);
    expect(told.filter((line) => line.includes('outgoing + incoming: proved after'))).toHaveLength(nodes.length);
    expect(await states(both)).toEqual(['present', 'present']);
    expect(await states(incomingOnly)).toEqual(['absent', 'absent']);
  });
});
