import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundlePem } from '../../operations/trust-bundles.js';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { switchSigner } from './kind.js';

const pki = '/etc/kubernetes/pki';
const stagedKey = '/var/lib/rotate-ca/r1/incoming-ca.key';
let world: PaperWorld;
const key = (ca: 'outgoing' | 'incoming') => world.cas[ca].keyPem.reveal().toString('utf8');

beforeEach(async () => {
  world = await createPaperWorld();
  world.node.put(`${pki}/signing-ca.key`, key('outgoing'));
  world.node.put(`${pki}/signing-ca.crt`, world.cas.outgoing.certificatePem, 0o644);
  world.node.put(`${pki}/ca.crt`, bundlePem(world.site(), ['outgoing', 'incoming']), 0o644);
  world.node.put(stagedKey, key('incoming'));
});
afterEach(() => world.close());

describe('switch-signer', () => {
  it('puts key and certificate of the incoming CA in place, mode kept, nothing left behind; twice is once', async () => {
    await switchSigner.apply(world.site(), {});
    const once = world.node.snapshot();
    expect(world.node.text(`${pki}/signing-ca.key`)).toBe(key('incoming'));
    expect(world.node.text(`${pki}/ca.key`)).toBe(key('incoming'));
    expect(world.node.text(`${pki}/signing-ca.crt`)).toBe(world.cas.incoming.certificatePem);
    expect(world.node.text(`${pki}/ca.crt`)).toBe(bundlePem(world.site(), ['incoming', 'outgoing']));
    expect(once[`${pki}/ca.crt`]).toMatch(/^644 /);
    expect(readdirSync(join(world.node.root, pki)).filter((name) => name.startsWith('.'))).toEqual([]);
    await switchSigner.apply(world.site(), {});
    expect(world.node.snapshot()).toEqual(once);
    expect(await switchSigner.inspect(world.site(), {})).toBe('present');
    expect(await switchSigner.verify(world.site(), {})).toEqual([]);
  });

  it('changes nothing if the staged key is not there', async () => {
    await world.site().shell.removeFile(stagedKey, { deadlineMs: 20_000 });
    const before = world.node.snapshot();
    await expect(switchSigner.apply(world.site(), {})).rejects.toMatchObject({ code: 'command-failed' });
    expect(world.node.snapshot()).toEqual(before);
  });

  it('is partial where a certificate came without its key', async () => {
    world.node.put(`${pki}/signing-ca.crt`, world.cas.incoming.certificatePem, 0o644);
    expect(await switchSigner.inspect(world.site(), {})).toBe('partial');
  });

  it('goes back byte for byte, and leaves the key staged for those who go forward again', async () => {
    const before = world.node.snapshot();
    const checkpoint = await switchSigner.checkpoint(world.site(), {});
    await switchSigner.apply(world.site(), {});
    await world.site().shell.removeFile(stagedKey, { deadlineMs: 20_000 });
    await switchSigner.undo(world.site(), {}, checkpoint);
    await switchSigner.undo(world.site(), {}, checkpoint);
    expect(world.node.snapshot()).toEqual(before);
  });
});
