/** A credential at work: logs in, renews the token at half of its life, and tries once more with a new one when it was refused. */

import { RotationError, fail } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import type { CallOptions, VaultAnswer, VaultCall, VaultConnection } from './connection.js';
import { badToken, bodyOf } from './refusal.js';
import { type VaultCredential, readSecretFile } from './settings.js';

/** Calls `work` once after so many ms, unless cancelled; never keeps the process alive. */
export type Schedule = (ms: number, work: () => void) => () => void;

export interface VaultSession {
  /** As VaultConnection.call; also throws vault-auth-failed, vault-sealed. */
  call(call: VaultCall, options?: CallOptions): Promise<VaultAnswer>;
  close(): void;
}

export interface SessionOptions {
  readonly connection: VaultConnection;
  readonly schedule: Schedule;
  readonly log: (message: string) => void;
}

interface Login {
  readonly token: Secret;
  /** Seconds; 0: it does not end (a root token). undefined: not known. */
  readonly ttl: number | undefined;
  readonly renewable: boolean;
}

// setTimeout takes 31 bits of ms; a token that lives longer is looked at again then.
const longestWaitMs = 2 ** 31 - 1;

/** Nothing is asked of Vault before the first call. */
export function vaultSession({ connection, schedule, log }: SessionOptions): VaultSession {
  const { credential, address } = connection.settings;
  let current: Promise<Login> | undefined;
  let cancel = (): void => {};

  function login(): Promise<Login> {
    cancel();
    current = obtain(connection, credential).then(
      (fresh) => {
        if (fresh.ttl !== undefined && fresh.ttl > 0) renewAtHalf(fresh.ttl, { firstTtl: fresh.ttl, renewable: fresh.renewable });
        return fresh;
      },
      (error: unknown) => {
        current = undefined; // The next call tries again.
        throw error;
      },
    );
    return current;
  }

  function renewAtHalf(ttl: number, life: { readonly firstTtl: number; readonly renewable: boolean }): void {
    cancel = schedule(Math.min((ttl * 1_000) / 2, longestWaitMs), () => void renew(ttl, life));
  }

  // Near the end of its longest life a renewed token lives ever shorter: then it is time for another.
  async function renew(ttl: number, life: { readonly firstTtl: number; readonly renewable: boolean }): Promise<void> {
    try {
      const answer = life.renewable ? await connection.call({ method: 'POST', path: 'auth/token/renew-self', body: {}, repeatable: true }) : undefined;
      const left = answer?.status === 200 ? Number(fieldOf(answer.body.auth, 'lease_duration')) : 0;
      if (left >= life.firstTtl / 2) renewAtHalf(left, life);
      else if (credential.kind === 'approle') await login();
      else log(`The Vault token ends in ${Math.round(left > 0 ? left : ttl / 2)} s and cannot be renewed further; ${replaceHint(credential)}.`);
    } catch (error) {
      if (!(error instanceof RotationError)) throw error;
      log(`The Vault token could not be renewed: ${error.failures[0]?.cause ?? ''}. It is tried again with the next request.`);
      if (credential.kind === 'approle') current = undefined;
    }
  }

  return {
    async call(call, options) {
      const used = await (current ?? login());
      const answer = await connection.call(call, options);
      // A token may have been revoked or replaced behind our back; a policy that lacks a path says the same, once more.
      if (answer.status !== 403 || credential.kind === 'token') return answer;
      const fresh = await login();
      const isSame = fresh.token.reveal().equals(used.token.reveal());
      return isSame ? answer : connection.call(call, options);
    },
    close: () => cancel(),
  };

  async function obtain(at: VaultConnection, by: VaultCredential): Promise<Login> {
    if (by.kind === 'approle') return logIn(at, by);
    const token = by.kind === 'token' ? by.token : readSecretFile(by.file, 'Vault token');
    at.useToken(token);
    const answer = await at.call({ method: 'GET', path: 'auth/token/lookup-self', repeatable: true });
    if (answer.status === 403 && !answer.errors.join().includes('invalid token')) return { token, ttl: undefined, renewable: false };
    if (answer.status === 403) throw new RotationError(badToken(address, answer.errors.join('; ')));
    const { data } = bodyOf(answer, { what: 'The life of the token', path: 'auth/token/lookup-self', capability: 'read', address });
    return { token, ttl: Number(fieldOf(data, 'ttl')), renewable: fieldOf(data, 'renewable') === true };
  }
}

async function logIn(connection: VaultConnection, by: VaultCredential & { kind: 'approle' }): Promise<Login> {
  const roleId = readSecretFile(by.roleIdFile, 'AppRole role id');
  const secretId = readSecretFile(by.secretIdFile, 'AppRole secret id');
  const { address } = connection.settings;
  const path = `auth/${by.mount}/login`;
  connection.useToken(undefined);
  const body = { role_id: roleId.reveal().toString('utf8'), secret_id: secretId.reveal().toString('utf8') };
  const answer = await connection.call({ method: 'POST', path, body, repeatable: true });
  if (answer.status === 400 || answer.status === 403 || answer.status === 404) {
    return fail('vault-auth-failed', {
      target: address,
      summary: `Vault does not accept the AppRole at "auth/${by.mount}"`,
      cause: answer.errors.join('; '),
      nextAction: `Write a new secret id into "${by.secretIdFile}": vault write -f -field=secret_id auth/${by.mount}/role/ROLE/secret-id`,
    });
  }
  const { auth } = bodyOf(answer, { what: 'The login', path, capability: 'update', address });
  const token = new Secret(String(fieldOf(auth, 'client_token')));
  connection.useToken(token);
  return { token, ttl: Number(fieldOf(auth, 'lease_duration')), renewable: fieldOf(auth, 'renewable') === true };
}

function replaceHint(credential: VaultCredential): string {
  return credential.kind === 'token-file'
    ? `put another into "${credential.file}", it is read again when Vault refuses this one`
    : 'stop with Ctrl-C, set another VAULT_TOKEN and run "rotate-ca resume"';
}

/** A field of an object of Vault's, if it is one. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
