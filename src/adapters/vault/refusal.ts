/** Vault's refusals as failures of the catalogue. */

import { RotationError, type Failure, failure } from '../../domain/errors.js';
import type { VaultAnswer } from './connection.js';

export interface Asked {
  /** "A new CA", "The signature of a request": what did not come about. */
  readonly what: string;
  readonly path: string;
  /** What a policy must grant on the path. */
  readonly capability: 'read' | 'update' | 'delete' | 'list';
  readonly address: string;
}

/** The failure that an answer other than 2xx stands for. */
export function refusalOf(answer: VaultAnswer, asked: Asked): Failure {
  const said = answer.errors.join('; ');
  if (isSealed(answer)) return sealed(asked.address);
  if (answer.status === 403 && said.includes('invalid token')) return badToken(asked.address, said);
  if (answer.status === 403) return missingGrants(asked.address, [asked]);
  const noMount = answer.status === 404 && said.includes('no handler for route');
  return failure('vault-refused', {
    target: asked.address,
    summary: `${asked.what} was refused by Vault at "${asked.path}"`,
    cause: said === '' ? `status ${answer.status}` : `status ${answer.status}: ${said}`,
    nextAction: noMount ? 'Name the mount of a PKI engine with --vault-mount; "vault secrets list" shows them' : `Look at it with: vault path-help ${asked.path}`,
    retryable: answer.status >= 500 || answer.status === 429,
  });
}

/** The body of a good answer, or the failure thrown. */
export function bodyOf(answer: VaultAnswer, asked: Asked): Readonly<Record<string, unknown>> {
  if (answer.status === 200) return answer.body;
  throw new RotationError(refusalOf(answer, asked));
}

export function isSealed(answer: VaultAnswer): boolean {
  return answer.status === 503 && answer.errors.includes('Vault is sealed');
}

export function sealed(address: string): Failure {
  return failure('vault-sealed', {
    target: address,
    summary: 'Vault is sealed',
    cause: 'it waits for its unseal keys',
    nextAction: `Run: vault operator unseal -address=${address}`,
    retryable: true,
  });
}

export function badToken(address: string, cause: string): Failure {
  return failure('vault-auth-failed', {
    target: address,
    summary: 'Vault does not accept the credential',
    cause,
    nextAction: 'Run "vault login", or renew the files of the AppRole; then go on with "rotate-ca resume"',
  });
}

/** One failure for all that a policy lacks, with the lines to add. */
export function missingGrants(address: string, grants: readonly { readonly path: string; readonly capability: string }[]): Failure {
  const lines = grants.map(({ path, capability }) => `path "${path}" { capabilities = ["${capability}"] }`);
  return failure('vault-policy-missing', {
    target: address,
    summary: `The Vault token may not ${grants.map(({ path, capability }) => `${capability} "${path}"`).join(', ')}`,
    cause: 'no policy of the token grants it (a token that has expired says the same)',
    nextAction: `Add to its policy with "vault policy write":\n${lines.join('\n')}\n`,
  });
}
