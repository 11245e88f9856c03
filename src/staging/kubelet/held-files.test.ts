import { describe, expect, it } from 'vitest';
import type { StagingClock } from '../clock.js';
import { heldFiles } from './held-files.js';

describe('what a client library has read', () => {
  it.each<[string, { readonly followsCa: boolean; readonly afterMs: number; readonly isRefused?: true }, { readonly token: string; readonly ca: string }]>([
    ['nothing is read again at once', { followsCa: true, afterMs: 50_000 }, { token: 'one', ca: 'one' }],
    ['a 401 makes it read its token', { followsCa: true, afterMs: 1_000, isRefused: true }, { token: 'two', ca: 'one' }],
    ['the token after a minute', { followsCa: true, afterMs: 60_000 }, { token: 'two', ca: 'one' }],
    ['ca.crt after five', { followsCa: true, afterMs: 300_000 }, { token: 'two', ca: 'two' }],
    ['never where it is read once', { followsCa: false, afterMs: 3_000_000 }, { token: 'two', ca: 'one' }],
  ])('%s', (_, { followsCa, afterMs, isRefused }, wanted) => {
    // 20 times as fast as a real cluster.
    let nowMs = 1_000_000;
    const clock = { speed: 20, now: () => nowMs } as StagingClock;
    let text = 'one';
    const reloaded: string[] = [];
    const held = heldFiles({ clock, read: () => text, followsCa, onReload: (pem) => void reloaded.push(pem) });
    text = 'two';
    nowMs += afterMs / 20;
    if (isRefused === true) held.refused();
    expect({ token: held.token(), ca: held.caPem() }).toEqual(wanted);
    expect(reloaded).toEqual(wanted.ca === 'two' ? ['two'] : []);
  });

  it('a file that is not there leaves what was read', () => {
    let nowMs = 0;
    let text = 'one';
    const held = heldFiles({ clock: { speed: 1, now: () => nowMs } as StagingClock, read: () => text, followsCa: true, onReload: () => undefined });
    text = '';
    nowMs = 600_000;
    expect([held.token(), held.caPem()]).toEqual(['one', 'one']);
  });
});
