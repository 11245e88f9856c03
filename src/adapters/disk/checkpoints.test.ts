import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotationError } from '../../domain/errors.js';
import type { Checkpoint } from '../../ports/checkpoints.js';
import type { Sealing } from '../../ports/sealing.js';
import { openCheckpoints } from './checkpoints.js';
import { isPlainFileName, toFileName } from './file-name.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-checkpoints-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// The real one is tested in its own folder; here it only has to be something else than the plain bytes.
const sealing: Sealing = {
  seal: async (bytes) => Buffer.concat([randomBytes(4), Buffer.from(bytes).map((b) => b ^ 0x5a)]),
  open: async (bytes) => Buffer.from(bytes.subarray(4)).map((b) => b ^ 0x5a),
  describe: () => 'xor',
};

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256', publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } });
const checkpoint: Checkpoint = {
  files: [{ path: '/etc/kubernetes/pki/ca.key', existed: true, bytesBase64: Buffer.from(privateKey).toString('base64'), mode: '0600', uid: 0, gid: 0 }],
  objects: [{ apiVersion: 'v1', kind: 'Secret', name: 's', namespace: 'n', object: { data: { a: 'b' } } }],
  notes: { n: 1 },
};
const key = { step: 'renew-kubelets/2', target: 'w1', attempt: 1 };

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing was thrown',
    (error: unknown) => (error instanceof RotationError ? error.code : String(error)),
  );
}

describe('openCheckpoints', () => {
  it('loads what it saved, from a private file of a private folder', async () => {
    const at = join(folder, 'run', 'checkpoints');
    const store = openCheckpoints({ folder: at, sealing });
    const ref = await store.save(key, checkpoint);
    expect(ref.ref).toBe('renew-kubelets%2F2@w1@1.age');
    expect(await store.load(ref)).toEqual(checkpoint);
    expect(statSync(at).mode & 0o777).toBe(0o700);
    expect(statSync(join(at, ref.ref)).mode & 0o777).toBe(0o600);
    expect(readdirSync(at)).toEqual([ref.ref]);
    await store.prove();
  });

  it('never writes a reference twice', async () => {
    const store = openCheckpoints({ folder, sealing });
    const first = await store.save(key, checkpoint);
    const second = await store.save(key, { ...checkpoint, notes: { n: 2 } });
    expect(second.ref).toBe('renew-kubelets%2F2@w1@1@2.age');
    expect((await store.load(first)).notes).toEqual({ n: 1 });
    expect((await store.load(second)).notes).toEqual({ n: 2 });
  });

  it('keeps blobs', async () => {
    const store = openCheckpoints({ folder, sealing });
    const bytes = randomBytes(100_000);
    const ref = await store.saveBlob('etcd/snapshot.db', bytes);
    expect(ref.ref).toBe('blob@etcd%2Fsnapshot.db.age');
    expect(bytes.equals(await store.loadBlob(ref))).toBe(true);
  });

  it.each([
    ['one byte is changed', (file: string) => writeFileSync(file, readFileSync(file).fill(1, 20, 21))],
    ['it is cut', (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 50))],
    ['it is gone', (file: string) => unlinkSync(file)],
  ])('refuses a checkpoint when %s', async (_name, damage) => {
    const store = openCheckpoints({ folder, sealing });
    const ref = await store.save(key, checkpoint);
    damage(join(folder, ref.ref));
    expect(await codeOf(store.load(ref))).toBe('checkpoint-damaged');
  });

  it.each(['../secret', '/etc/shadow', 'a/b', '', '.', '..'])('refuses the reference "%s"', async (ref) => {
    expect(await codeOf(openCheckpoints({ folder, sealing }).load({ ref, sha256: '' }))).toBe('checkpoint-damaged');
  });

  it('proves nothing with a sealing that gives back other bytes', async () => {
    const store = openCheckpoints({ folder, sealing: { ...sealing, open: async () => Buffer.alloc(32) } });
    expect(await codeOf(store.prove())).toBe('checkpoint-damaged');
  });

  it('says when it cannot write', async () => {
    writeFileSync(join(folder, 'x'), '');
    expect(await codeOf(openCheckpoints({ folder: join(folder, 'x', 'y'), sealing }).save(key, checkpoint))).toBe('journal-unwritable');
  });
});

describe('toFileName', () => {
  it.each([
    ['plain-1.2_x', 'plain-1.2_x'],
    ['a/b', 'a%2Fb'],
    ['..', '%2E.'],
    ['', '%2E'],
    ['a@b', 'a%40b'],
    ["it's", 'it%27s'],
    ['100%', '100%25'],
    ['ä', '%C3%A4'],
  ])('of "%s" is "%s"', (name, file) => {
    expect(toFileName(name)).toBe(file);
    expect(isPlainFileName(file)).toBe(true);
  });
});
