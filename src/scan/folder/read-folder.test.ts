/** Folders as people have them: copies of one node or of several, and whatever else lies there. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expiryOf } from '../../domain/expiry/expiry.js';
import { RotationError } from '../../domain/errors.js';
import { splitPem } from '../../domain/pki/pem.js';
import { b64, ca, files, keyText, leafPem, makeFiles, removeNodes, validity } from '../folder-cluster.test-support.js';
import { readOneFile } from './read-file.js';
import { readFolder } from './read-folder.js';

const top = mkdtempSync(join(tmpdir(), 'folder-'));
let folders = 0;
beforeAll(makeFiles);
afterAll(() => {
  removeNodes();
  rmSync(top, { recursive: true });
});

function folderOf(contents: Readonly<Record<string, string | Buffer>>): string {
  const folder = join(top, String(folders++));
  mkdirSync(folder);
  for (const [path, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

const kubernetes = (prefix: string): Record<string, string> => ({
  [`${prefix}admin.conf`]: files['/etc/kubernetes/admin.conf'] ?? '',
  [`${prefix}pki/ca.crt`]: ca.certificatePem,
  [`${prefix}pki/ca.key`]: ca.keyPem.reveal().toString(),
  [`${prefix}pki/apiserver.crt`]: leafPem,
  [`${prefix}pki/apiserver.key`]: keyText,
});

describe('what lies there', () => {
  it.each([
    ['a copy of /etc/kubernetes', '', ''],
    ['a copy of a whole machine', 'etc/kubernetes/', ''],
    ['the copy of one node among others', 'cp1/', 'cp1'],
    ['the machine of one node among others', 'cp1/etc/kubernetes/', 'cp1'],
  ])('%s', (_, prefix, node) => {
    const { certificates, authorities } = expiryOf(readFolder(folderOf(kubernetes(prefix))));
    const found = certificates.filter(({ ending }) => ending !== undefined);
    expect(found.map((row) => [row.name, row.node, row.caName, row.externallyManaged, row.ending?.expiresAtMs])).toEqual([
      ['admin.conf', node, 'ca', false, validity.notAfterMs],
      ['apiserver', node, 'ca', false, validity.notAfterMs],
    ]);
    expect(certificates.filter(({ ending }) => ending === undefined).map(({ name }) => name)).toEqual([
      'apiserver-kubelet-client',
      'controller-manager.conf',
      'front-proxy-client',
      'scheduler.conf',
    ]);
    expect(authorities.filter(({ ending }) => ending !== undefined).map(({ name, externallyManaged }) => [name, externallyManaged])).toEqual([
      ['ca', false],
      ['ca', false],
    ]);
  });

  it('a kubelet beside /etc/kubernetes, with the pair of before', () => {
    const folder = folderOf({
      ...kubernetes('w1/etc/kubernetes/'),
      'w1/var/lib/kubelet/pki/kubelet-client-2030-01-01-00-00-00.pem': leafPem,
      'w1/var/lib/kubelet/pki/kubelet-client-2030-02-01-00-00-00.pem': leafPem,
    });
    symlinkSync('kubelet-client-2030-02-01-00-00-00.pem', join(folder, 'w1/var/lib/kubelet/pki/kubelet-client-current.pem'));
    const { certificates } = expiryOf(readFolder(folder));
    expect(certificates.filter(({ name }) => name.startsWith('kubelet')).map(({ name, node }) => [name, node])).toEqual([['kubelet-client', 'w1']]);
  });

  it('a CA without its key is managed elsewhere', () => {
    const { 'pki/ca.key': _, ...others } = kubernetes('');
    const { certificates, authorities } = expiryOf(readFolder(folderOf(others)));
    expect([certificates, authorities].map((rows) => rows.find(({ ending }) => ending !== undefined)?.externallyManaged)).toEqual([true, true]);
  });
});

describe('what is broken is said, with its place, and the rest is read', () => {
  const der = (): Buffer => splitPem(leafPem).blocks[0]?.bytes ?? Buffer.alloc(0);
  it.each<[string, string, () => string | Buffer, string, RegExp]>([
    ['a torn certificate', 'a.crt', () => leafPem.slice(0, 200), 'pem-broken', /a\.crt:1:1$/],
    ['no certificate at all', 'a.crt', () => 'hello', 'pem-broken', /a\.crt:1$/],
    ['a block that is none', 'a.pem', () => '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'pem-broken', /a\.pem:1:1$/],
    ['DER', 'a.crt', der, 'der-not-pem', /a\.crt$/],
    ['a kubeconfig without its cluster', 'a.conf', () => 'kind: Config\nclusters: []\ncurrent-context: x\n', 'kubeconfig-broken', /a\.conf:3$/],
    [
      'a kubeconfig with a broken CA',
      'a.conf',
      () => (files['/etc/kubernetes/admin.conf'] ?? '').replace(b64(ca.certificatePem), b64('x'.repeat(30))),
      'kubeconfig-broken',
      /a\.conf:4$/,
    ],
    ['a kubeconfig whose file is gone', 'a.conf', () => (files['/etc/kubernetes/kubelet.conf'] ?? '').replaceAll('/var/lib/kubelet/pki/', ''), 'reference-missing', /a\.conf:17$/],
  ])('%s', (_, name, content, code, place) => {
    const { findings, nodes } = readFolder(folderOf({ [name]: content(), 'whole.crt': leafPem }));
    expect(findings[0]).toMatchObject({ code, place: expect.stringMatching(place) });
    expect(nodes.flatMap((node) => node.files.map(({ path }) => path.split('/').at(-1)))).toContain('whole.crt');
  });

  it('links that lead nowhere, and loops of folders', () => {
    const folder = folderOf({ 'whole.crt': leafPem });
    symlinkSync('/nowhere.crt', join(folder, 'gone.crt'));
    symlinkSync('.', join(folder, 'loop'));
    const { unseen, nodes } = readFolder(folder);
    expect(unseen.map(({ place }) => place)).toEqual([join(folder, 'gone.crt')]);
    expect(nodes.flatMap((node) => node.files)).toHaveLength(1);
  });

  it('a file of four MiB and more', () => {
    const { unseen } = readFolder(folderOf({ 'big.pem': Buffer.alloc((4 << 20) + 1) }));
    expect(unseen.map(({ why }) => why)).toEqual([expect.stringContaining('bytes')]);
  });

  it('no folder', () => {
    const folder = folderOf({ file: '' });
    for (const path of [join(folder, 'none'), join(folder, 'file')]) expect(() => readFolder(path)).toThrow(RotationError);
  });

  it('whatever the bytes are, a file is read or left', () => {
    const pieces = fc.constantFrom(
      '-----BEGIN CERTIFICATE-----\n',
      '-----END CERTIFICATE-----\n',
      '-----BEGIN EC PRIVATE KEY-----\n',
      'kind: Config\nclusters:\n',
      'current-context: a\n',
      '- name: a\n',
    );
    const text = fc.array(fc.oneof(pieces, fc.string(), fc.constant(leafPem)), { maxLength: 8 }).map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from([0x30, ...bytes])),
        ),
        (bytes) => {
          const { file, findings } = readOneFile('/x/a.crt', bytes);
          expect(file?.path ?? '/x/a.crt').toBe('/x/a.crt');
          expect(findings.every(({ place, meaning }) => place.startsWith('/x/a.crt') && meaning.length > 10)).toBe(true);
        },
      ),
    );
  });

  it('no key leaves it', () => {
    const folder = folderOf({ ...kubernetes(''), 'both.pem': `${keyText}${leafPem}`, 'torn.pem': keyText.slice(0, -30) });
    chmodSync(folder, 0o700);
    const said = JSON.stringify(readFolder(folder));
    for (const secret of [keyText, ca.keyPem.reveal().toString()]) expect(said).not.toContain((secret.split('\n')[1] ?? '').slice(0, 40));
  });
});
