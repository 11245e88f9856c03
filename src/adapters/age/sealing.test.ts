import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Encrypter, generateHybridIdentity, generateIdentity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Failure, RotationError } from '../../domain/errors.js';
import { openSealing } from './sealing.js';

let folder = '';
let identityFile = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rotate-ca-age-'));
  identityFile = join(folder, 'identity.txt');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function keep(text: string, mode = 0o600): void {
  writeFileSync(identityFile, text, { mode });
  chmodSync(identityFile, mode);
}

async function refusal(work: () => unknown): Promise<Failure> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RotationError && error.failures[0] !== undefined) return error.failures[0];
    throw error;
  }
  throw new Error('nothing was thrown');
}

const text = Buffer.from('what undo needs');

describe('openSealing', () => {
  it.each([
    ['X25519', generateIdentity],
    ['post-quantum hybrid', generateHybridIdentity],
  ])('opens what it sealed: %s', async (_name, generate) => {
    const identity = await generate();
    keep(`# created: 2026-11-23T13:00:00Z\n# public key: x\n\n${identity}\r\n`);
    const sealing = openSealing({ recipients: [await identityToRecipient(identity)], identityFile });
    const sealed = await sealing.seal(text);
    expect(Buffer.from(sealed).includes(text)).toBe(false);
    expect(Buffer.from(await sealing.open(sealed, 'x'))).toEqual(text);
    expect(sealing.describe()).not.toContain(identity);
  });

  it('seals to a team: each of them opens it', async () => {
    const team = await Promise.all([generateIdentity(), generateIdentity(), generateIdentity()]);
    const recipients = await Promise.all(team.map((i) => identityToRecipient(i)));
    const sealed = await openSealing({ recipients, identityFile }).seal(text);
    for (const identity of team) {
      keep(identity);
      expect(Buffer.from(await openSealing({ recipients, identityFile }).open(sealed, 'x'))).toEqual(text);
    }
  });

  it('names both sides when the identity does not fit', async () => {
    const [mine, theirs] = await Promise.all([generateIdentity(), generateIdentity()]);
    keep(mine);
    const sealing = openSealing({ recipients: [await identityToRecipient(theirs)], identityFile });
    const failure = await refusal(async () => sealing.open(await sealing.seal(text), 'checkpoint.age'));
    expect(failure).toMatchObject({ code: 'recipients-unusable', target: 'checkpoint.age' });
    expect(failure.cause).toContain(await identityToRecipient(mine));
    expect(JSON.stringify(failure)).not.toContain(mine);
  });

  it.each([
    ['cut', (b: Uint8Array) => b.subarray(0, b.length - 1)],
    ['changed', (b: Uint8Array) => Buffer.from(b).fill(0, b.length - 5, b.length - 4)],
    ['not age at all', () => Buffer.from('PK\u0003\u0004')],
    ['empty', () => Buffer.alloc(0)],
  ])('refuses bytes that are %s', async (_name, damage) => {
    const identity = await generateIdentity();
    keep(identity);
    const sealing = openSealing({ recipients: [await identityToRecipient(identity)], identityFile });
    expect(await refusal(async () => sealing.open(damage(await sealing.seal(text)), 'x'))).toMatchObject({ code: 'checkpoint-damaged', target: 'x' });
  });

  it.each([
    ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ root@x', 'SSH keys are not supported'],
    ['a plugin', 'age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t', 'age plugin "yubikey"'],
    ['an identity', 'AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQ', 'secret key'],
    ['a typing mistake', 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdsfzfqps9qq6aq', 'mistyped'],
    ['anything else', 'alice@example.org', 'no age recipient'],
    ['nothing', '', 'no age recipient'],
  ])('refuses %s as a recipient', async (_name, recipient, cause) => {
    const failure = await refusal(() => openSealing({ recipients: [recipient], identityFile }));
    expect(failure.code).toBe('recipients-unusable');
    expect(failure.cause).toContain(cause);
    expect(JSON.stringify(failure)).not.toContain('SECRET-KEY-1');
  });

  it('refuses no recipients', async () => {
    expect((await refusal(() => openSealing({ recipients: [], identityFile }))).cause).toContain('no recipient');
  });
});

describe('the identity file', () => {
  const open = async (): Promise<unknown> => {
    const sealing = openSealing({ recipients: [await identityToRecipient(await generateIdentity())], identityFile });
    return sealing.open(await sealing.seal(text), 'x');
  };

  it.each([
    ['empty', '# nothing\n', ':?', 'holds no identity'],
    ['of a plugin', '#\nAGE-PLUGIN-YUBIKEY-1QQQ\n', ':2', 'plugins'],
    ['an SSH key', '-----BEGIN OPENSSH PRIVATE KEY-----\n', ':1', 'SSH'],
    ['armored and encrypted', '-----BEGIN AGE ENCRYPTED FILE-----\n', '', 'encrypted'],
    ['something else', '\n\nCANARY-password\n', ':3', 'neither'],
    ['mistyped', 'AGE-SECRET-KEY-1CANARY\n', '', 'mistyped'],
  ])('is refused when it is %s', async (_name, content, place, cause) => {
    keep(content);
    const failure = await refusal(open);
    expect(failure.code).toBe('recipients-unusable');
    expect(failure.target).toMatch(new RegExp(`identity\\.txt${place === ':?' ? '' : place}$`));
    expect(failure.cause).toContain(cause);
    expect(JSON.stringify(failure)).not.toContain('CANARY');
  });

  it('is refused when it is encrypted by a passphrase', async () => {
    const encrypter = new Encrypter();
    encrypter.setScryptWorkFactor(4);
    encrypter.setPassphrase('x');
    writeFileSync(identityFile, await encrypter.encrypt('x'), { mode: 0o600 });
    expect((await refusal(open)).nextAction).toContain('age -d');
  });

  it.each([0o640, 0o604, 0o660])('is refused with mode %o', async (mode) => {
    keep(await generateIdentity(), mode);
    expect(await refusal(open)).toMatchObject({ code: 'recipients-unusable', nextAction: `Run: chmod 0600 ${identityFile}` });
  });

  it('is named when it is missing', async () => {
    expect((await refusal(open)).cause).toContain('does not exist');
  });
});
