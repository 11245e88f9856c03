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
    for (const [uid, phase] of [
      ['a', 'Running'],
      ['b', 'Pending'],
      ['done', 'Succeeded'],
    ] as const)
      world.api.put({ apiVersion: 'v1', kind: 'Pod', metadata: { name: uid, namespace: 'default', uid }, spec: { nodeName: 'cp1' }, status: { phase } });
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
    ['the folder of a pod that is gone', (w) => ({ [path('gone')]: w.cas.outgoing.certificatePem }), 'present'],
    ['the folder of a pod that has ended', (w) => ({ [path('done')]: w.cas.outgoing.certificatePem }), 'present'],
    ['a bundle of something else', () => ({ [path('a', 'secret', 'tls')]: 'no PEM' }), 'present'],
  ])('%s', async (_, files, state) => {
    for (const [file, text] of Object.entries(files(world))) mount(file, text);
    expect(await awaitVolumes.inspect(world.site(), params)).toBe(state);
  });

  it('wants the outgoing CA gone where the incoming one alone is trusted', async () => {
    const incoming = awaitVolumes.params.parse({ trusts: ['incoming'] });
    mount(path('a'), bundle());
    expect(await awaitVolumes.inspect(world.site(), incoming)).toBe('absent');
    mount(path('a'), world.cas.incoming.certificatePem);
    expect(await awaitVolumes.inspect(world.site(), incoming)).toBe('present');
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
