/** What Vault answers, held against fixtures/transcripts/vault: `RECORD=1` writes them anew. */

import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RealVault, startRealVault } from '../../../test/support/real-vault.js';

const folder = 'fixtures/transcripts/vault';
let vault: RealVault;
let sealed: RealVault;
const tokens: Record<string, string> = { wrong: 'hvs.wrong' };

const capabilities = { paths: ['pki/issuers/generate/root/exported', 'pki/issuers'] };
const issuer = { issuer_name: 'taken', key_name: 'taken', common_name: 'x', key_type: 'ec', key_bits: 256 };
const asked: [name: string, on: 'open' | 'sealed', token: string, method: string, path: string, body?: unknown][] = [
  ['health', 'open', '', 'GET', 'sys/health'],
  ['health-sealed', 'sealed', '', 'GET', 'sys/health'],
  ['sealed', 'sealed', 'wrong', 'GET', 'auth/token/lookup-self'],
  ['token-wrong', 'open', 'wrong', 'GET', 'auth/token/lookup-self'],
  ['token-lookup', 'open', 'half', 'GET', 'auth/token/lookup-self'],
  ['token-renewed', 'open', 'half', 'POST', 'auth/token/renew-self', {}],
  ['capabilities', 'open', 'root', 'POST', 'sys/capabilities-self', capabilities],
  ['capabilities-missing', 'open', 'half', 'POST', 'sys/capabilities-self', capabilities],
  ['permission-denied', 'open', 'half', 'POST', 'pki/issuers/generate/root/exported', issuer],
  ['mount', 'open', 'root', 'GET', 'sys/internal/ui/mounts/pki'],
  ['mount-missing', 'open', 'root', 'GET', 'sys/internal/ui/mounts/nope'],
  ['no-handler', 'open', 'root', 'GET', 'nope/issuers?list=1'],
  ['issuers-empty', 'open', 'root', 'GET', 'pki-empty/issuers?list=1'],
  ['issuer-unknown', 'open', 'root', 'GET', 'pki/issuer/nope'],
  ['issuer-name-taken', 'open', 'root', 'POST', 'pki/issuers/generate/root/exported', issuer],
  ['approle-login', 'open', '', 'POST', 'auth/approle/login', { role_id: 'ROLE', secret_id: 'SECRET' }],
  ['approle-wrong', 'open', '', 'POST', 'auth/approle/login', { role_id: 'wrong', secret_id: 'wrong' }],
];

beforeAll(async () => {
  [vault, sealed] = await Promise.all([startRealVault(), startRealVault({ sealed: true })]);
  tokens.root = vault.rootToken;
  for (const mount of ['pki', 'pki-empty']) await vault.call('POST', `sys/mounts/${mount}`, { type: 'pki', config: { max_lease_ttl: '87600h' } });
  await vault.call('POST', 'pki/issuers/generate/root/internal', issuer);
  await vault.call('POST', 'sys/policies/acl/half', { policy: 'path "pki/issuers" { capabilities = ["list"] }' });
  tokens.half = ((await vault.call('POST', 'auth/token/create', { policies: ['half'], ttl: '1h' })).body as { auth: { client_token: string } }).auth.client_token;
  await vault.call('POST', 'sys/auth/approle', { type: 'approle' });
  await vault.call('POST', 'auth/approle/role/r', { token_ttl: '1h', token_max_ttl: '2h' });
  tokens.ROLE = ((await vault.call('GET', 'auth/approle/role/r/role-id')).body as { data: { role_id: string } }).data.role_id;
  tokens.SECRET = ((await vault.call('POST', 'auth/approle/role/r/secret-id')).body as { data: { secret_id: string } }).data.secret_id;
}, 60_000);

afterAll(() => Promise.all([vault?.stop(), sealed?.stop()]));

it.each(asked)('%s', async (name, on, token, method, path, body) => {
  const sent: unknown =
    body === undefined
      ? undefined
      : JSON.parse(
          JSON.stringify(body)
            .replace('ROLE', tokens.ROLE ?? '')
            .replace('SECRET', tokens.SECRET ?? ''),
        );
  const answer = await (on === 'open' ? vault : sealed).call(method, path, sent, tokens[token] ?? '');
  const transcript = { request: { method, path, ...(body === undefined ? {} : { body }) }, status: answer.status, body: withoutChance(answer.body) };
  const file = `${folder}/${name}.json`;
  if (process.env.RECORD === '1') writeFileSync(file, `${JSON.stringify(transcript, null, 2)}\n`);
  expect(transcript).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});

/** Whatever differs from one Vault to the next: ids, times, tokens. */
function withoutChance(body: unknown): unknown {
  const chance =
    /^(request_id|accessor|uuid|id|client_token|entity_id|cluster_id|cluster_name|creation_time|expire_time|issue_time|last_renewal|last_renewal_time|server_time_utc|ttl)$/;
  const capped = JSON.stringify(body ?? null, (key, value: unknown) =>
    Array.isArray(value) && key !== 'errors'
      ? [...(value as string[])].sort()
      : chance.test(key) && value !== null && value !== ''
        ? typeof value === 'number'
          ? 3600
          : `recorded-${key}`
        : value,
  );
  return JSON.parse(capped);
}
