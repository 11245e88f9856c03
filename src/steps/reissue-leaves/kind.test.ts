import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { reissueLeaves } from './kind.js';

const pki = '/etc/kubernetes/pki';
const serving = reissueLeaves.params.parse({ certificates: ['apiserver'] });
const both = reissueLeaves.params.parse({ certificates: ['apiserver', 'apiserver-kubelet-client'] });
let world: PaperWorld;

beforeEach(async () => {
  world = await createPaperWorld();
  world.node.put(`${pki}/ca.crt`, bundlePem(world.site(), ['outgoing', 'incoming']), 0o644);
});
afterEach(() => world.close());

const leaf = (name: string) => new X509Certificate(world.node.text(`${pki}/${name}.crt`) ?? '');
const signer = (name: string) => signerOf(world.site(), world.node.text(`${pki}/${name}.crt`) ?? '');
/** Without the folder in which leaves are staged: that goes at the end of a run. */
const inPlace = () => Object.fromEntries(Object.entries(world.node.snapshot()).filter(([path]) => path.startsWith('/etc/kubernetes')));

describe('reissue-leaves', () => {
  it('keeps subject, SANs and modes; twice is once', async () => {
    const before = { subject: leaf('apiserver').subject, sans: leaf('apiserver').subjectAltName };
    await reissueLeaves.apply(world.site(), both);
    const once = inPlace();
    expect([signer('apiserver'), signer('apiserver-kubelet-client')]).toEqual(['incoming', 'incoming']);
    expect({ subject: leaf('apiserver').subject, sans: leaf('apiserver').subjectAltName }).toEqual(before);
    expect(once[`${pki}/apiserver.key`]).toMatch(/^600 /);
    expect(once[`${pki}/apiserver.crt`]).toMatch(/^644 /);
    await reissueLeaves.apply(world.site(), both);
    expect(inPlace()).toEqual(once);
    expect(await reissueLeaves.inspect(world.site(), both)).toBe('present');
    expect(await reissueLeaves.verify(world.site(), both)).toEqual([]);
  });

  it('is partial where only one of two is of the incoming CA, or a key does not fit', async () => {
    expect(await reissueLeaves.inspect(world.site(), both)).toBe('absent');
    await reissueLeaves.apply(world.site(), serving);
    expect(await reissueLeaves.inspect(world.site(), both)).toBe('partial');
    world.node.put(`${pki}/apiserver.key`, world.node.text(`${pki}/apiserver-kubelet-client.key`) ?? '');
    expect(await reissueLeaves.inspect(world.site(), serving)).toBe('absent');
  });

  it.each(['key', 'crt'])('notices that %s was put back by another hand, and puts its own in place again', async (ending) => {
    const path = `${pki}/apiserver.${ending}`;
    const [before, mode] = [world.node.text(path) ?? '', ending === 'key' ? 0o600 : 0o644];
    await reissueLeaves.apply(world.site(), serving);
    const once = inPlace();
    world.node.put(path, before, mode);
    expect((await reissueLeaves.verify(world.site({ deadlineMs: 500 }), serving)).map((f) => f.code)).toEqual(['file-changed']);
    expect(await reissueLeaves.inspect(world.site(), serving)).toBe('absent');
    await reissueLeaves.apply(world.site(), serving);
    expect(inPlace()).toEqual(once);
    expect(await reissueLeaves.verify(world.site(), serving)).toEqual([]);
  });

  it.each([1, 2, 3, 4])(
    'killed after %i changes it is applied to the end, or taken back byte for byte',
    async (changes) => {
      const before = inPlace();
      const checkpoint = await reissueLeaves.checkpoint(world.site(), serving);
      world.node.killAfter(changes);
      await reissueLeaves.apply(world.site(), serving).catch(() => undefined);
      world.node.killAfter(Number.POSITIVE_INFINITY);
      await reissueLeaves.apply(world.site(), serving);
      expect(await reissueLeaves.verify(world.site(), serving)).toEqual([]);
      for (let n = 0; n < 2; n++) await reissueLeaves.undo(world.site(), serving, checkpoint);
      expect(inPlace()).toEqual(before);
    },
    120_000,
  );

  it.each([
    ['file-missing', 'preflight', () => world.site().shell.removeFile(`${pki}/apiserver.crt`, { deadlineMs: 20_000 })],
    ['file-changed', 'verify', () => Promise.resolve()],
  ] as const)('says %s at %s', async (code, phase, meddle) => {
    await meddle();
    expect((await reissueLeaves[phase](world.site(), serving)).map((f) => f.code)).toEqual([code]);
  });

  it('is not proved by an API server that does not reach a kubelet', async () => {
    await reissueLeaves.apply(world.site(), both);
    world.api.onGet((path) => ({ status: path.includes('/proxy/healthz') ? 503 : 200, body: '' }));
    expect((await reissueLeaves.verify(world.site({ deadlineMs: 500 }), both)).map((f) => f.code)).toEqual(['chain-broken']);
  });
});
