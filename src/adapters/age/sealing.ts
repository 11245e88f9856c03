/** Sealing by age: native recipients (age1..., age1pq1...), one identity file; files are readable by the `age` program. */

import { Decrypter, Encrypter, identityToRecipient } from 'age-encryption';
import { RotationError, fail } from '../../domain/errors.js';
import type { Secret } from '../../domain/secret.js';
import type { Sealing } from '../../ports/sealing.js';
import { readIdentityFile } from './identity-file.js';

// bech32: no 1, b, i, o after the separator. Plugins have their name before the 1 (age1yubikey1...).
const nativeRecipient = /^age1(?:pq1)?[02-9ac-hj-np-z]{40,}$/;

/**
 * Seals to these recipients; the identity file is read when something is opened first, not before.
 * Throws RotationError recipients-unusable for a recipient of a kind that is not supported.
 */
export function openSealing(options: { readonly recipients: readonly string[]; readonly identityFile: string }): Sealing {
  const { recipients, identityFile } = options;
  if (recipients.length === 0) {
    return refuse('recipients', 'there is no recipient', 'Give at least one with --recipient age1...; "age-keygen -y identity.txt" prints it');
  }
  const encrypter = new Encrypter();
  for (const recipient of recipients) addRecipient(encrypter, recipient);

  let identities: readonly Secret[] | undefined;
  const known = (): readonly Secret[] => (identities ??= readIdentityFile(identityFile));

  return {
    seal: (bytes) => encrypter.encrypt(bytes),
    open: (bytes, target) => open(bytes, { target, identityFile, identities: known() }),
    describe: () => `age, ${recipients.join(', ')}; identity "${identityFile}"`,
  };
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  if (recipient.startsWith('ssh-') || recipient.startsWith('ecdsa-')) {
    refuse(recipient.slice(0, 40), 'SSH keys are not supported as recipients', 'Use a recipient made by age-keygen (age1...)');
  }
  if (recipient.toUpperCase().startsWith('AGE-SECRET-KEY-')) {
    refuse(
      'recipients',
      'an identity (secret key) was given in place of a recipient',
      'Give what "age-keygen -y identity.txt" prints, and make a new identity if this one was seen by others',
    );
  }
  if (!nativeRecipient.test(recipient)) {
    const plugin = /^age1([a-z0-9-]+)1[02-9ac-hj-np-z]+$/.exec(recipient)?.[1];
    refuse(
      recipient.slice(0, 80),
      plugin === undefined ? 'it is no age recipient (age1...)' : `recipients of the age plugin "${plugin}" are not supported`,
      'Use a recipient made by age-keygen (age1...)',
    );
  }
  try {
    encrypter.addRecipient(recipient);
  } catch {
    refuse(recipient, 'its checksum does not hold: it is mistyped or cut', 'Copy it again; "age-keygen -y identity.txt" prints it');
  }
}

interface OpenWith {
  readonly target: string;
  readonly identityFile: string;
  readonly identities: readonly Secret[];
}

async function open(bytes: Uint8Array, { target, identityFile, identities }: OpenWith): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  for (const identity of identities) addIdentity(decrypter, identity, identityFile);
  try {
    return await decrypter.decrypt(bytes);
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    if (error instanceof RotationError) throw error;
    if (message.includes('no identity matched')) {
      const own = await Promise.all(identities.map((i) => identityToRecipient(i.reveal().toString('latin1'))));
      return refuse(
        target,
        `"${identityFile}" opens what is sealed to ${own.join(', ')}, and this was not`,
        'Name the identity that belongs to the recipients of the run with --identity FILE',
      );
    }
    return fail('checkpoint-damaged', {
      target,
      summary: 'An encrypted file of the run cannot be opened',
      cause: `it is no whole age file (${message})`,
      nextAction: 'Restore it from a backup of the state folder; do not roll back without it',
    });
  }
}

function addIdentity(decrypter: Decrypter, identity: Secret, identityFile: string): void {
  try {
    decrypter.addIdentity(identity.reveal().toString('latin1'));
  } catch {
    refuse(identityFile, 'a secret key in it is mistyped or cut (its checksum does not hold)', 'Restore the identity file from its backup');
  }
}

function refuse(target: string, cause: string, nextAction: string): never {
  return fail('recipients-unusable', { target, summary: 'Checkpoints could not be encrypted and decrypted as asked', cause, nextAction });
}
