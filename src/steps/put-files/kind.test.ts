import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperWorld, nodeName, type PaperWorld } from '../../../test/support/paper-world.js';
import { failuresOf } from '../../domain/errors.js';
import { pinOwnFile } from '../../operations/own-files.js';
import type { Site } from '../../ports/step-kind.js';
import { putFiles } from './kind.js';

const bundle = '/etc/kubernetes/pki/ca.crt';
const kubelet = '/var/lib/kubelet/pki/kubelet-client-current.pem';

let world: PaperWorld;
let folder: string;
beforeEach(async () => {
  world = await createPaperWorld();
  folder = mkdtempSync(join(tmpdir(), 'put-files-'));
});
afterEach(() => {
  world.close();
  rmSync(folder, { recursive: true, force: true });
});

function site(): Site {
  const at = world.site();
  return { ...at, plan: { ...at.plan, playbook: { ...at.plan.playbook, file: join(folder, 'playbook.yaml') } } };
}

function own(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const paramsOf = (files: readonly { path: string; from: string; mode?: string }[], more: Record<string, unknown> = {}) => putFiles.params.parse({ files, ...more });

async function codesOf(work: Promise<unknown>): Promise<string[] | undefined> {
  return work.then(
    () => [],
    (error: unknown) => failuresOf(error)?.map(({ code }) => code),
  );
}

describe('put-files', () => {
  it('puts bundle, certificate and key in place, is there a second time without a change, and goes back byte for byte', async () => {
    const leaf = await world.leaf('incoming', { organizations: [], commonName: 'kube-apiserver' });
    const p = paramsOf([
      { path: bundle, from: own('ca.crt', world.cas.outgoing.certificatePem + world.cas.incoming.certificatePem) },
      { path: '/etc/kubernetes/pki/mine.crt', from: own('mine.crt', leaf.certificatePem) },
      { path: '/etc/kubernetes/pki/mine.key', from: own('mine.key', leaf.keyPem) },
    ]);
    const before = world.node.snapshot();
    expect(await putFiles.preflight(site(), p)).toEqual([]);
    const checkpoint = await putFiles.checkpoint(site(), p);
    expect(await putFiles.inspect(site(), p)).toBe('absent');
    await putFiles.apply(site(), p);
    const after = world.node.snapshot();
    expect(after['/etc/kubernetes/pki/mine.key']).toMatch(/^600 /);
    expect(after['/etc/kubernetes/pki/mine.crt']).toMatch(/^644 /);
    expect(await putFiles.inspect(site(), p)).toBe('present');
    expect(await putFiles.verify(site(), p)).toEqual([]);
    await putFiles.apply(site(), p);
    expect(world.node.snapshot()).toEqual(after);
    for (let n = 0; n < 2; n++) await putFiles.undo(site(), p, checkpoint);
    expect(world.node.snapshot()).toEqual(before);
  });

  it('replaces what a link leads to, and the link stays', async () => {
    const leaf = await world.leaf('incoming', { organizations: ['system:nodes'], commonName: `system:node:${nodeName}` });
    const p = paramsOf([{ path: kubelet, from: own('kubelet.pem', leaf.certificatePem + leaf.keyPem) }]);
    const before = world.node.snapshot();
    const checkpoint = await putFiles.checkpoint(site(), p);
    await putFiles.apply(site(), p);
    expect(world.node.snapshot()[kubelet]).toBe(before[kubelet]);
    expect(world.node.text(kubelet)).toBe(leaf.certificatePem + leaf.keyPem);
    await putFiles.undo(site(), p, checkpoint);
    expect(world.node.snapshot()).toEqual(before);
  });

  it.each<[string, string, string, string]>([
    ['a torn block', '-----BEGIN CERTIFICATE-----\nAAAA\n', 'pem-invalid', ':1:1'],
    ['text', 'hello\n', 'pem-invalid', ':1:1'],
    ['a block that is neither certificate nor key', '\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'pem-invalid', ':2:1'],
  ])('refuses %s with file, line and column, and shows nothing of it', async (_, text, code, place) => {
    const failures = await putFiles.preflight(site(), paramsOf([{ path: bundle, from: own('x', text) }]));
    expect(failures.map((f) => [f.code, f.target])).toEqual([[code, `${join(folder, 'x')}${place}`]]);
    expect(JSON.stringify(failures)).not.toContain('AAAA');
  });

  it('refuses a file that is not there, one that was changed since it was planned, and a folder that is not there', async () => {
    expect((await putFiles.preflight(site(), paramsOf([{ path: bundle, from: 'none' }]))).map((f) => f.code)).toEqual(['file-missing']);
    const from = own('ca.crt', world.cas.outgoing.certificatePem);
    const pinned = putFiles.pinned?.(paramsOf([{ path: bundle, from }]), new Map([[from, pinOwnFile(join(folder, from))]]));
    own('ca.crt', world.cas.incoming.certificatePem);
    expect(await codesOf(putFiles.apply(site(), pinned as never))).toEqual(['file-changed']);
    expect((await putFiles.preflight(site(), paramsOf([{ path: '/nowhere/ca.crt', from }]))).map((f) => f.code)).toEqual(['file-missing']);
  });

  it('says what it changes: contents by fingerprint, the two ends of a kubeconfig, and whom it starts anew', async () => {
    const leaf = await world.leaf('incoming', { organizations: [], commonName: 'x' });
    const files = [
      { path: bundle, from: own('ca.crt', world.cas.incoming.certificatePem) },
      { path: '/etc/kubernetes/pki/mine.key', from: own('mine.key', leaf.keyPem) },
      { path: '/etc/kubernetes/admin.conf', from: own('admin.conf', world.node.text('/etc/kubernetes/admin.conf') ?? '') },
    ];
    const p = paramsOf(files, { restart: ['kube-scheduler', 'kubelet'] });
    const contents = new Map(files.map(({ from }) => [from, pinOwnFile(join(folder, from))]));
    const pinned = putFiles.pinned?.(p, contents) ?? p;
    const changes = putFiles.changes?.(pinned, { inventory: world.site().inventory, graph: undefined as never, target: nodeName }) ?? [];
    expect(changes.map((change) => ('place' in change ? `${change.type} ${change.place}` : `${change.type} ${'process' in change ? change.process : ''}`))).toEqual([
      `put ${nodeName}:${bundle}`,
      `put ${nodeName}:/etc/kubernetes/pki/mine.key#key`,
      `put ${nodeName}:/etc/kubernetes/admin.conf#ca`,
      `put ${nodeName}:/etc/kubernetes/admin.conf#client`,
      `restart kube-scheduler@${nodeName}`,
      `restart kubelet@${nodeName}`,
    ]);
    expect(JSON.stringify(pinned)).not.toContain('PRIVATE KEY');
    expect(Object.keys(putFiles.brought?.(pinned) ?? {})).toHaveLength(3);
  });

  it('concerns the nodes that were chosen', () => {
    const [node] = world.site().inventory.nodes;
    if (node === undefined) throw new Error('no node');
    const concerns = (nodes: unknown) => putFiles.concerns?.(paramsOf([{ path: bundle, from: 'x' }], { nodes }), node);
    expect(['all', 'control-planes', 'workers', [nodeName], ['other']].map(concerns)).toEqual([true, true, false, true, false]);
  });
});
