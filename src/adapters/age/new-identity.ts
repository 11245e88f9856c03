/** Makes an age identity: for rehearsals, whose checkpoints nobody else needs to read. */

import { writeFileSync } from 'node:fs';
import { generateIdentity, identityToRecipient } from 'age-encryption';

/** Writes the identity to a file of 0600 and returns its recipient, age1.... Throws if the file is there already. */
export async function makeIdentityFile(file: string): Promise<string> {
  const identity = await generateIdentity();
  writeFileSync(file, `${identity}\n`, { mode: 0o600, flag: 'wx' });
  return identityToRecipient(identity);
}
