import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { makeCa } from '../../x509/certificate-authority.js';
import { extensionTrust } from './kind.js';

type Who = 'outgoing' | 'incoming' | 'front-proxy';
let world: PaperWorld;
let pems: Record<Who, string>;

beforeEach(async () => {
  world = await createPaperWorld();
  const stranger = await makeCa({ subject: { commonName: 'front-proxy', organizations: [] }, notBeforeMs: Date.now() - 1000, notAfterMs: Date.now() + 3600_000 });
  pems = { outgoing: world.cas.outgoing.certificatePem, incoming: world.cas.incoming.certificatePem, 'front-proxy': stranger.certificatePem };
});
afterEach(() => world.close());

const text = (who: readonly Who[]) => who.map((w) => `${pems[w].trim()}\n`).join('');
const hold = (who: readonly Who[]) =>
  world.api.put({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: 'kube-system', name: 'extension-apiserver-authentication' },
    data: { 'client-ca-file': text(who), 'requestheader-username-headers': '["X-Remote-User"]' },
  });
const held = () => world.api.read('ConfigMap', 'extension-apiserver-authentication', 'kube-system')?.data as Record<string, string>;
const parsed = (trusts: ('outgoing' | 'incoming')[]) => extensionTrust.params.parse({ trusts });

describe('extension-trust', () => {
  it.each<[Who[], ('outgoing' | 'incoming')[], Who[], string]>([
    [['outgoing'], ['outgoing', 'incoming'], ['outgoing'], 'present'],
    [['outgoing', 'incoming'], ['outgoing', 'incoming'], ['outgoing', 'incoming'], 'present'],
    [['outgoing', 'incoming'], ['incoming'], ['incoming'], 'absent'],
    [['front-proxy', 'outgoing', 'incoming'], ['incoming'], ['front-proxy', 'incoming'], 'absent'],
    [['incoming', 'outgoing'], ['outgoing'], ['outgoing'], 'absent'],
  ])('%j that shall trust %j becomes %j, and nothing else changes', async (before, trusts, after, inspected) => {
    hold(before);
    expect(await extensionTrust.inspect(world.site(), parsed(trusts))).toBe(inspected);
    await extensionTrust.apply(world.site(), parsed(trusts));
    expect(held()).toEqual({ 'client-ca-file': text(after), 'requestheader-username-headers': '["X-Remote-User"]' });
    expect(await extensionTrust.inspect(world.site(), parsed(trusts))).toBe('present');
    expect(await extensionTrust.verify(world.site(), parsed(trusts))).toEqual([]);
  });

  it('says so when an API server has added it again', async () => {
    hold(['outgoing', 'incoming']);
    await extensionTrust.apply(world.site(), parsed(['incoming']));
    hold(['incoming', 'outgoing']);
    expect(await extensionTrust.verify(world.site(), parsed(['incoming']))).toMatchObject([{ code: 'outgoing-left', summary: 'it still holds the outgoing CA' }]);
  });

  it('goes back to what it was, also after API servers have added the incoming CA', async () => {
    hold(['outgoing']);
    const checkpoint = await extensionTrust.checkpoint(world.site(), parsed(['outgoing', 'incoming']));
    await extensionTrust.apply(world.site(), parsed(['outgoing', 'incoming']));
    hold(['outgoing', 'incoming']);
    for (let n = 0; n < 2; n++) await extensionTrust.undo(world.site(), parsed(['outgoing', 'incoming']), checkpoint);
    expect(held()['client-ca-file']).toBe(text(['outgoing']));
  });

  it('does nothing where there is no such ConfigMap', async () => {
    const checkpoint = await extensionTrust.checkpoint(world.site(), parsed(['incoming']));
    await extensionTrust.apply(world.site(), parsed(['incoming']));
    await extensionTrust.undo(world.site(), parsed(['incoming']), checkpoint);
    expect(held()).toBeUndefined();
  });
});
