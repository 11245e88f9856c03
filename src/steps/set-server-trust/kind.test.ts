import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { failure, RotationError } from '../../domain/errors.js';
import { bundlePem, type CaName } from '../../operations/trust-bundles.js';
import type { Issuer } from '../../ports/issuer.js';
import type { Site } from '../../ports/step-kind.js';
import { setServerTrust } from './kind.js';

const ca = '/etc/kubernetes/pki/ca.crt';
const both = setServerTrust.params.parse({ trusts: ['outgoing', 'incoming'] });
const incomingOnly = setServerTrust.params.parse({ trusts: ['incoming'] });

let world: PaperWorld;
beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

const trusted = (names: CaName[]) => world.node.put(ca, bundlePem(world.site(), names), 0o644);

describe('set-server-trust', () => {
  it('widens, is proved by the servers, and goes back byte for byte', async () => {
    const before = world.node.snapshot();
    const checkpoint = await setServerTrust.checkpoint(world.site(), both);
    expect(await setServerTrust.inspect(world.site(), both)).toBe('absent');
    await setServerTrust.apply(world.site(), both);
    expect(await setServerTrust.inspect(world.site(), both)).toBe('present');
    expect(await setServerTrust.verify(world.site(), both)).toEqual([]);
    for (let n = 0; n < 2; n++) await setServerTrust.undo(world.site(), both, checkpoint);
    expect(world.node.snapshot()).toEqual(before);
  });

  it.each<[string, typeof both, CaName[], CaName[]]>([
    ['a node that joined with both goes back to where everybody goes: the outgoing CA', both, ['outgoing', 'incoming'], ['outgoing']],
    ['a node that joined with the incoming CA alone, too', both, ['incoming'], ['outgoing']],
    ['narrowed trust goes back to both', incomingOnly, ['outgoing', 'incoming'], ['outgoing', 'incoming']],
  ])('%s', async (_, params, before, after) => {
    trusted(before);
    const checkpoint = await setServerTrust.checkpoint(world.site(), params);
    await setServerTrust.apply(world.site(), params);
    await setServerTrust.undo(world.site(), params, checkpoint);
    expect(world.node.text(ca)).toBe(bundlePem(world.site(), after));
  });

  it('goes back without the issuer, and tells what could not be asked', async () => {
    const checkpoint = await setServerTrust.checkpoint(world.site(), both);
    await setServerTrust.apply(world.site(), both);
    const sealed = () => Promise.reject(new RotationError(failure('vault-sealed', { target: 'vault', summary: 'it is sealed', nextAction: 'Unseal it' })));
    const site: Site = { ...world.site(), issuer: { ...world.site().issuer, sign: sealed } as Issuer };
    await setServerTrust.undo(site, both, checkpoint);
    expect(world.node.text(ca)?.trim()).toBe(world.cas.outgoing.certificatePem.trim());
    expect(world.told.join('\n')).toContain('the issuer does not answer');
  });

  it('finds that something else writes the file', async () => {
    await setServerTrust.apply(world.site(), both);
    world.node.put(ca, bundlePem(world.site(), ['incoming', 'outgoing']), 0o644);
    expect((await setServerTrust.verify(world.site(), both)).map((f) => f.code)).toEqual(['file-changed']);
  });

  it('is refused as long as kube-controller-manager signs with ca.crt', async () => {
    expect((await setServerTrust.preflight(world.site(), both)).map((f) => f.code)).toEqual(['layout-unsupported']);
  });

  it.each<[CaName[], string[]]>([
    [['outgoing'], ['trust-not-loaded']],
    [['outgoing', 'incoming'], []],
  ])('narrows servers that trust %j only where they accept the incoming CA', async (before, codes) => {
    trusted(before);
    expect((await setServerTrust.preflight(world.site(), incomingOnly)).map((f) => f.code)).toEqual(codes);
  });
});
