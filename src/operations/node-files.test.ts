import { readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPaperNode, type PaperNode } from '../../test/support/paper-node.js';
import { restoreFiles, rewriteFile, savedText, saveFiles } from './node-files.js';

const limits = { deadlineMs: 20_000 };
const pki = '/var/lib/kubelet/pki';
let node: PaperNode;

beforeEach(() => {
  node = createPaperNode('n');
  node.put(`${pki}/a.pem`, 'a', 0o640);
  node.put(`${pki}/b.pem`, 'b');
  symlinkSync(join(node.root, pki, 'a.pem'), join(node.root, pki, 'current.pem'));
});
afterEach(() => node.close());

describe('files into a checkpoint and back', () => {
  it('puts back content, mode and links, removes what was not there; twice changes nothing', async () => {
    const before = node.snapshot();
    const saved = await saveFiles(node.shell, [`${pki}/a.pem`, `${pki}/current.pem`, `${pki}/new.pem`], limits);
    expect(saved.map((s) => s.existed)).toEqual([true, true, false]);
    expect(savedText(saved, `${pki}/a.pem`)).toBe('a');
    node.put(`${pki}/a.pem`, 'changed', 0o600);
    node.put(`${pki}/new.pem`, 'new');
    await node.shell.replaceLink(`${pki}/current.pem`, `${pki}/b.pem`, limits);
    await restoreFiles(node.shell, saved, limits);
    expect(node.snapshot()).toEqual(before);
    let changes = 0;
    node.onChange(() => changes++);
    await restoreFiles(node.shell, saved, limits);
    expect(changes).toBe(0);
  });

  it.each([
    ['a link became a file', () => node.put(`${pki}/current.pem`, 'file')],
    ['a link is gone', () => node.shell.removeFile(`${pki}/current.pem`, limits)],
  ])('%s: it is a link again', async (_, change) => {
    const saved = await saveFiles(node.shell, [`${pki}/current.pem`], limits);
    await change();
    await restoreFiles(node.shell, saved, limits);
    expect(readlinkSync(join(node.root, pki, 'current.pem'))).toBe(join(node.root, pki, 'a.pem'));
  });

  it('puts a file back of which only the mode differs', async () => {
    const saved = await saveFiles(node.shell, [`${pki}/a.pem`], limits);
    node.put(`${pki}/a.pem`, 'a', 0o644);
    await restoreFiles(node.shell, saved, limits);
    expect(node.snapshot()[`${pki}/a.pem`]).toMatch(/^640 /);
  });
});

describe('rewriteFile', () => {
  it('keeps the mode, and does not touch what is already so', async () => {
    let changes = 0;
    node.onChange(() => changes++);
    await rewriteFile(node.shell, `${pki}/a.pem`, 'z', { mode: '0644', uid: 0, gid: 0 }, limits);
    await rewriteFile(node.shell, `${pki}/a.pem`, 'z', { mode: '0644', uid: 0, gid: 0 }, limits);
    expect([changes, node.text(`${pki}/a.pem`), node.snapshot()[`${pki}/a.pem`]?.slice(0, 3)]).toEqual([1, 'z', '640']);
  });
});
