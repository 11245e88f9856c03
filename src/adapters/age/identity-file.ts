/** The operator's age identity file: comments and AGE-SECRET-KEY-1 lines, readable by its owner only. */

import { readFileSync, statSync } from 'node:fs';
import { fail } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';

const identityLine = /^AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+$/;

/** Reads the identities. Throws RotationError recipients-unusable with file:line, never with a line's text. */
export function readIdentityFile(file: string): Secret[] {
  const text = readPrivateText(file);
  if (text.startsWith('age-encryption.org/') || text.startsWith('-----BEGIN AGE ENCRYPTED FILE-----')) {
    return refuse(file, 'the identity file is itself encrypted', `Decrypt it into a file of mode 0600: age -d -o identity.txt ${file}`);
  }
  const identities: Secret[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    identities.push(readLine(line, `${file}:${index + 1}`));
  }
  if (identities.length === 0) return refuse(file, 'it holds no identity', 'Make one with: age-keygen -o identity.txt');
  return identities;
}

function readLine(line: string, place: string): Secret {
  if (identityLine.test(line)) return new Secret(line);
  if (line.startsWith('AGE-PLUGIN-')) return refuse(place, 'identities of age plugins are not supported', 'Use an identity made by age-keygen');
  if (line.startsWith('-----BEGIN')) return refuse(place, 'SSH keys are not supported as identities', 'Use an identity made by age-keygen');
  return refuse(place, 'the line is neither a comment nor an identity (AGE-SECRET-KEY-1...)', 'Use an identity made by age-keygen');
}

function readPrivateText(file: string): string {
  let mode: number;
  let text: string;
  try {
    mode = statSync(file).mode & 0o777;
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
    if (code === '') throw error;
    return refuse(
      file,
      code === 'ENOENT' ? 'the identity file does not exist' : `the identity file cannot be read (${code})`,
      'Name it with --identity FILE; make one with: age-keygen -o identity.txt',
    );
  }
  if ((mode & 0o077) === 0) return text;
  return refuse(file, `the identity file can be read by others (mode ${mode.toString(8).padStart(4, '0')})`, `Run: chmod 0600 ${file}`);
}

function refuse(target: string, cause: string, nextAction: string): never {
  return fail('recipients-unusable', { target, summary: 'The age identity cannot be used', cause, nextAction });
}
