import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { awaitVolumes } from './kind.js';

const both = { trusts: ['outgoing', 'incoming'] } as const;
const params = awaitVolumes.params.parse(both);
const path = (pod: string, kind = 'projected', volume = 'kube-api-access-x'): string => `/var/lib/kubelet/pods/${pod}/volumes/kubernetes.io~${kind}/${volume}/ca.crt`;

describe('await-volumes', () => {
  let world: PaperWorld;
  beforeEach(async () => {
    world = await createPaperWorld();
  });
  afterEach(() => world.close());

  const mount = (file: string, text: string): void => {
    const here = join(world.node.root, file);
    mkdirSync(dirname(here), { recursive: true });
    writeFileSync(here, text);
  };
  const bundle = (): string => `${world.cas.outgoing.certificatePem}${world.cas.incoming.certificatePem}`;

  it.each<[string, (w: PaperWorld) => Record<string, string>, 'present' | 'absent']>([
    ['no pods', () => ({}), 'present'],
    ['all hold both', (w) => ({ [path('a')]: `${w.cas.outgoing.certificatePem}${w.cas.incoming.certificatePem}` }), 'present'],
    ['in the other order', (w) => ({ [path('a')]: `${w.cas.incoming.certificatePem}${w.cas.outgoing.certificatePem}` }), 'present'],
    [
      'one holds the outgoing alone',
      (w) => ({ [path('a')]: `${w.cas.outgoing.certificatePem}${w.cas.incoming.certificatePem}`, [path('b')]: w.cas.outgoing.certificatePem }),
      'absent',
    ],
    ['a token Secret holds the outgoing alone', (w) => ({ [path('a', 'secret', 'token')]: w.cas.outgoing.certificatePem }), 'absent'],
    ['a bundle of something else', () => ({ [path('a', 'secret', 'tls')]: 'no PEM' }), 'present'],
  ])('%s', async (_, files, state) => {
    for (const [file, text] of Object.entries(files(world))) mount(file, text);
    expect(await awaitVolumes.inspect(world.site(), params)).toBe(state);
  });

  it('waits until the kubelet has written the last volume', async () => {
    mount(path('a'), world.cas.outgoing.certificatePem);
    world.node.onScript(() => mount(path('a'), bundle()));
    expect(await awaitVolumes.verify(world.site(), params)).toEqual([]);
  });

  it('names the volume that stays behind', async () => {
    mount(path('a'), world.cas.outgoing.certificatePem);
    const [failure] = await awaitVolumes.verify(world.site({ deadlineMs: 300 }), params);
    expect({ code: failure?.code, cause: failure?.cause }).toEqual({ code: 'trust-not-loaded', cause: `1 volumes are behind, ${path('a')} for one` });
  });
});
