import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import { readKubeconfig } from '../../domain/cluster/kubeconfig.js';
import { bundlePem, signerOf } from '../../operations/trust-bundles.js';
import { renewAdmins } from './kind.js';

const admin = '/etc/kubernetes/admin.conf';
const superAdmin = '/etc/kubernetes/super-admin.conf';
const widened = renewAdmins.params.parse({ trusts: ['outgoing', 'incoming'] });
const renewed = renewAdmins.params.parse({ trusts: ['incoming'], identity: 'incoming' });

let world: PaperWorld;
beforeEach(async () => {
  world = await createPaperWorld();
});
afterEach(() => world.close());

const conf = (path: string) => readKubeconfig(world.node.text(path) ?? '', path);
const signer = (path: string) => signerOf(world.site(), conf(path).clientCertificatePem ?? '');
const inPlace = () => Object.fromEntries(Object.entries(world.node.snapshot()).filter(([path]) => path.startsWith('/etc/kubernetes')));

describe('renew-admins', () => {
  it('trusts both, and keeps the identity', async () => {
    const before = conf(admin).clientCertificatePem;
    expect(await renewAdmins.inspect(world.site(), widened), 'super-admin.conf is not on every control plane').toBe('absent');
    await renewAdmins.apply(world.site(), widened);
    expect(conf(admin).clientCertificatePem).toBe(before);
    expect(conf(admin).caPem?.trim()).toBe(bundlePem(world.site(), ['outgoing', 'incoming']).trim());
    expect(await renewAdmins.inspect(world.site(), widened)).toBe('present');
    expect(await renewAdmins.verify(world.site(), widened)).toEqual([]);
  });

  it('has a certificate of the incoming CA, and makes no file that was not there', async () => {
    await renewAdmins.apply(world.site(), renewed);
    expect(signer(admin)).toBe('incoming');
    expect(world.node.text(superAdmin)).toBeUndefined();
  });

  it('says which file something else has written', async () => {
    await renewAdmins.apply(world.site(), renewed);
    await renewAdmins.apply(world.site(), widened);
    expect(await renewAdmins.verify(world.site(), renewed)).toMatchObject([{ code: 'file-changed', cause: 'it trusts other CAs' }]);
  });

  it.each([1, 2, 3, 4, 5])(
    'killed after %i changes it is applied to the end, or taken back byte for byte',
    async (changes) => {
      world.node.put(superAdmin, world.node.text(admin) ?? '');
      const before = inPlace();
      const checkpoint = await renewAdmins.checkpoint(world.site(), renewed);
      world.node.killAfter(changes);
      await renewAdmins.apply(world.site(), renewed).catch(() => undefined);
      world.node.killAfter(Number.POSITIVE_INFINITY);
      await renewAdmins.apply(world.site(), renewed);
      expect([signer(admin), signer(superAdmin)]).toEqual(['incoming', 'incoming']);
      expect(await renewAdmins.verify(world.site(), renewed)).toEqual([]);
      for (let n = 0; n < 2; n++) await renewAdmins.undo(world.site(), renewed, checkpoint);
      expect(inPlace()).toEqual(before);
    },
    120_000,
  );
});
