import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperNode, type PaperNode } from '../../../test/support/paper-node.js';
import { createPaperWorld, type PaperWorld } from '../../../test/support/paper-world.js';
import type { Site } from '../../ports/step-kind.js';
import { issueCa } from './kind.js';

const params = issueCa.params.parse({});
const staged = '/var/lib/rotate-ca/r1/incoming-ca';
const nothing = { files: [], objects: [], notes: {} };
let world: PaperWorld;
let second: PaperNode;

/** Two control planes, and no incoming CA yet. */
beforeEach(async () => {
  world = await createPaperWorld();
  second = createPaperNode('cp2');
  world.artefacts.delete('incoming-ca.pem');
  world.artefacts.delete('incoming-issuer.json');
});
afterEach(() => {
  world.close();
  second.close();
});

function site(): Site {
  const at = world.site({ target: 'cluster' });
  const inventory = { ...at.inventory, nodes: at.inventory.nodes.flatMap((n) => [n, { ...n, name: 'cp2', internalIp: '10.0.0.12' }]) };
  return { ...at, inventory, shells: { to: (node) => (node === 'cp2' ? second.shell : world.node.shell), close: async () => undefined } };
}

async function expectIssued(): Promise<void> {
  expect(await issueCa.inspect(site(), params)).toBe('present');
  expect(await issueCa.verify(site(), params)).toEqual([]);
  for (const node of [world.node, second]) {
    expect(node.text(`${staged}.key`)).toBe(world.cas.incoming.keyPem.reveal().toString('utf8'));
    expect(node.snapshot()[`${staged}.key`]).toMatch(/^600 /);
  }
  expect(world.issued.names.size).toBe(1);
}

describe('issue-ca', () => {
  it('makes one, stages it on each control plane, and does not make another', async () => {
    expect(await issueCa.inspect(site(), params)).toBe('absent');
    await issueCa.apply(site(), params);
    await issueCa.apply(site(), params);
    await expectIssued();
    expect(world.issued.destroyed).toEqual([]);
  });

  it.each<[string, number, number, string[]]>([
    ['before anything was staged', 0, 9, ['issuer-1']],
    ['between folder and key', 1, 9, ['issuer-1']],
    ['between key and certificate of the first node: nobody says that it is the key', 2, 9, ['issuer-1']],
    ['after the first node', 9, 0, []],
    ['between key and certificate of the second node', 9, 2, []],
  ])('killed %s is done to the end, with one CA at the issuer', async (_, onFirst, onSecond, destroyed) => {
    world.node.killAfter(onFirst);
    second.killAfter(onSecond);
    await expect(issueCa.apply(site(), params)).rejects.toMatchObject({ code: 'ssh-lost' });
    expect(world.artefacts.has('incoming-ca.pem')).toBe(false);
    world.node.killAfter(Number.POSITIVE_INFINITY);
    second.killAfter(Number.POSITIVE_INFINITY);
    await issueCa.apply(site(), params);
    await expectIssued();
    expect(world.issued.destroyed).toEqual(destroyed);
  });

  it('is taken back at the issuer and on the nodes, also a second time', async () => {
    await issueCa.apply(site(), params);
    for (let n = 0; n < 2; n++) await issueCa.undo(site(), params, nothing);
    expect([...world.issued.names.keys()]).toEqual([]);
    for (const node of [world.node, second]) expect(Object.keys(node.snapshot()).filter((path) => path.startsWith(staged))).toEqual([]);
  });

  it('is refused where ca.crt holds two certificates', async () => {
    world.artefacts.delete('outgoing-ca.pem');
    world.node.put('/etc/kubernetes/pki/ca.crt', world.cas.outgoing.certificatePem + world.cas.incoming.certificatePem);
    await expect(issueCa.apply(site(), params)).rejects.toMatchObject({ code: 'ca-unexpected' });
    expect(world.issued.names.size).toBe(0);
  });

  it('tells when the key on a node is not that of the certificate', async () => {
    await issueCa.apply(site(), params);
    second.put(`${staged}.key`, world.cas.outgoing.keyPem.reveal().toString('utf8'));
    expect(await issueCa.verify(site(), params)).toMatchObject([{ code: 'ca-rejected', cause: 'the key on cp2 is not the key of the certificate' }]);
  });

  it('still holds at the end of a run, when its folder is gone', async () => {
    await issueCa.apply(site(), params);
    await second.shell.must(`rm -rf '/var/lib/rotate-ca'`, { deadlineMs: 20_000 });
    await world.node.shell.must(`rm -rf '/var/lib/rotate-ca'`, { deadlineMs: 20_000 });
    expect(await issueCa.verify(site(), params)).toEqual([]);
  });
});
