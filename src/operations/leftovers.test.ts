import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, type PaperWorld } from '../../test/support/paper-world.js';
import { checkNodes } from '../steps/check-nodes/kind.js';
import { verifyDistrust } from '../steps/verify-distrust/kind.js';
import { removeLeftovers } from './leftovers.js';

const ours = [
  '/etc/kubernetes/.rotate-ca.Ab12Cd.tmp',
  '/etc/kubernetes/pki/.rotate-ca.ca.crt.Ab12Cd34.tmp',
  '/etc/kubernetes/pki/signing-ca.key.part',
  '/etc/kubernetes/pki/signing-ca.crt.part',
  '/etc/kubernetes/pki/published-ca.crt.part',
  '/etc/kubernetes/manifests/.rotate-ca.etcd.yaml.Ab12Cd34.tmp',
  '/var/lib/kubelet/pki/.rotate-ca.Ab12Cd.tmp',
];
const notOurs = [
  '/etc/kubernetes/admin.conf.tmp',
  '/etc/kubernetes/pki/apiserver.key.part',
  '/etc/kubernetes/pki/etcd/.rotate-ca.deep.tmp',
  '/etc/kubernetes/pki/rotate-ca.x.tmp',
  '/var/lib/kubelet/.rotate-ca.conf',
];

let world: PaperWorld;
let before: Record<string, string>;
beforeEach(async () => {
  world = await createPaperWorld();
  for (const path of notOurs) world.node.put(path, 'theirs');
  before = world.node.snapshot();
  for (const path of ours) world.node.put(path, 'a key');
});
afterEach(() => world.close());

describe('what killed scripts have left', () => {
  it('goes, and nothing that is named otherwise; a second time there is nothing to do', async () => {
    for (let n = 0; n < 2; n++) await removeLeftovers(world.site().shell, { deadlineMs: 20_000 });
    expect(world.node.snapshot()).toEqual(before);
  });

  it('goes at the end of the way back', async () => {
    await checkNodes.undo(world.site(), checkNodes.params.parse({}), { files: [], objects: [], notes: {} });
    expect(world.node.snapshot()).toEqual(before);
  });

  it('goes at the end of the way forward', async () => {
    await verifyDistrust.apply(world.site({ target: 'cluster' }), { signer: true });
    expect(world.node.snapshot()).toEqual(before);
  });
});
