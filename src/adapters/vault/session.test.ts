import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Failure, RotationError } from '../../domain/errors.js';
import { type Reply, type VaultServer, recorded, startVaultServer } from '../../../test/support/vault-server.js';
import { type VaultIssuer, openVaultIssuer } from './issuer.js';
import type { PkiEngineOptions } from './pki-engine.js';

const canary = 'hvs.CANARYcanaryCANARYcanaryCANARY';
let server: VaultServer;
let logged: string[] = [];
let scheduled: { ms: number; work: () => void }[] = [];
beforeAll(async () => {
  server = await startVaultServer();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.routes.clear();
  server.seen.length = 0;
  [logged, scheduled] = [[], []];
  server.routes.set('GET auth/token/lookup-self', recorded('token-lookup'));
});

function open(env: Record<string, string> = {}, more: Partial<PkiEngineOptions> = {}): Promise<VaultIssuer> {
  return openVaultIssuer({
    env: { VAULT_ADDR: server.address, VAULT_CACERT: server.caFile, VAULT_TOKEN: canary, ...env },
    mount: 'pki',
    now: Date.now,
    log: (line) => void logged.push(line),
    wait: async () => {},
    schedule: (ms, work) => {
      const entry = { ms, work };
      scheduled.push(entry);
      return () => void scheduled.splice(scheduled.indexOf(entry), 1);
    },
    ...more,
  });
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error: unknown = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof RotationError) || error.failures[0] === undefined) throw error ?? new Error('nothing was thrown');
  expect(`${error.stack}${JSON.stringify(error)}`).not.toContain('CANARY');
  return error.failures[0];
}

describe('trust in the server', () => {
  it('is not lost by VAULT_SKIP_VERIFY=false, which node-vault takes for a yes', async () => {
    process.env.VAULT_SKIP_VERIFY = 'false';
    process.env.VAULT_TOKEN = 'hvs.of-the-environment';
    try {
      const failure = await failureOf((await open({ VAULT_CACERT: '', VAULT_SKIP_VERIFY: 'false', VAULT_MAX_RETRIES: '0' })).findCa('x'));
      expect(failure).toMatchObject({ code: 'vault-unreachable', retryable: false, nextAction: expect.stringContaining('VAULT_CACERT') as unknown });
      expect(server.seen).toEqual([]);
    } finally {
      delete process.env.VAULT_SKIP_VERIFY;
      delete process.env.VAULT_TOKEN;
    }
  });

  it('is given up by VAULT_SKIP_VERIFY=true, with a warning', async () => {
    server.routes.set('GET pki/issuers?list=1', recorded('issuers-empty'));
    expect(await (await open({ VAULT_CACERT: '', VAULT_SKIP_VERIFY: 'true' })).findCa('x')).toBeUndefined();
    expect(logged.join()).toContain('VAULT_SKIP_VERIFY');
  });

  it('goes by VAULT_TLS_SERVER_NAME', async () => {
    server.routes.set('GET pki/issuers?list=1', recorded('issuers-empty'));
    expect(await (await open({ VAULT_TLS_SERVER_NAME: 'localhost' })).findCa('x')).toBeUndefined();
    expect((await failureOf((await open({ VAULT_TLS_SERVER_NAME: 'other.example', VAULT_MAX_RETRIES: '0' })).findCa('x'))).cause).toContain('ALTNAME');
  });
});

describe('the token', () => {
  const login = (token: string, seconds = 3_600): Reply => ({ status: 200, body: { auth: { client_token: token, lease_duration: seconds, renewable: true } } });
  const renewed = (seconds: number): Reply => ({ status: 200, body: { auth: { lease_duration: seconds, renewable: true } } });
  const settled = async (calls: number): Promise<void> => {
    while (server.seen.length < calls) await new Promise((resolve) => setImmediate(resolve));
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
  };
  let approle: Record<string, string> = {};
  beforeEach(() => {
    approle = { ROTATE_CA_VAULT_ROLE_ID_FILE: join(server.folder, 'role'), ROTATE_CA_VAULT_SECRET_ID_FILE: join(server.folder, 'secret') };
    writeFileSync(join(server.folder, 'role'), 'my-role\n');
    writeFileSync(join(server.folder, 'secret'), 'CANARY-secret\n');
    server.routes.set('GET pki/issuers?list=1', recorded('issuers-empty'));
  });

  it('comes from an AppRole, is renewed at half of its life, and replaced when that ends', async () => {
    const tokens = ['one', 'two'];
    server.routes.set('POST auth/approle/login', () => login(tokens.shift() ?? 'none'));
    const to = await open(approle);
    await to.findCa('x');
    expect(server.seen.map((r) => [r.call, r.token])).toEqual([
      ['POST auth/approle/login', ''],
      ['GET pki/issuers?list=1', 'one'],
    ]);
    expect(server.seen[0]?.body).toEqual({ role_id: 'my-role', secret_id: 'CANARY-secret' });
    server.routes.set('POST auth/token/renew-self', renewed(3_600));
    for (const left of [3_600, 1_000]) {
      expect(scheduled.map((s) => s.ms)).toEqual([1_800_000]);
      server.routes.set('POST auth/token/renew-self', renewed(left));
      scheduled.splice(0, 1)[0]?.work();
      await settled(left === 3_600 ? 3 : 5);
    }
    await to.findCa('x');
    expect(server.seen.slice(2).map((r) => [r.call, r.token])).toEqual([
      ['POST auth/token/renew-self', 'one'],
      ['POST auth/token/renew-self', 'one'],
      ['POST auth/approle/login', ''],
      ['GET pki/issuers?list=1', 'two'],
    ]);
    to.close();
    expect(scheduled).toEqual([]);
    expect(logged).toEqual([]);
  });

  it('is replaced once when Vault refuses it', async () => {
    const tokens = ['one', 'two', 'three'];
    server.routes.set('POST auth/approle/login', () => login(tokens.shift() ?? 'none'));
    server.routes.set('GET pki/issuers?list=1', ({ token }) => (token === 'one' ? recorded('token-wrong') : recorded('issuers-empty')));
    const to = await open(approle);
    expect(await to.findCa('x')).toBeUndefined();
    server.routes.set('GET pki/issuers?list=1', recorded('token-wrong'));
    expect((await failureOf(to.findCa('x'))).code).toBe('vault-auth-failed');
    expect(server.seen.map((r) => r.token)).toEqual(['', 'one', '', 'two', 'two', '', 'three']);
  });

  it('is read again from its file when Vault refuses it', async () => {
    const file = join(server.folder, 'token');
    writeFileSync(file, 'one\n');
    const to = await open({ VAULT_TOKEN: '' }, { tokenFile: file });
    await to.findCa('x');
    server.routes.set('GET pki/issuers?list=1', ({ token }) => (token === 'one' ? recorded('token-wrong') : recorded('issuers-empty')));
    expect((await failureOf(to.findCa('x'))).code).toBe('vault-auth-failed');
    writeFileSync(file, 'two\n');
    expect(await to.findCa('x')).toBeUndefined();
    expect(server.seen.at(-1)?.token).toBe('two');
  });

  it('that cannot be renewed is announced', async () => {
    server.routes.set('GET auth/token/lookup-self', { status: 200, body: { data: { ttl: 600, renewable: false } } });
    await (await open()).findCa('x');
    expect(scheduled.map((s) => s.ms)).toEqual([300_000]);
    scheduled[0]?.work();
    await settled(2);
    expect(logged).toEqual(['The Vault token ends in 300 s and cannot be renewed further; stop with Ctrl-C, set another VAULT_TOKEN and run "rotate-ca resume".']);
  });

  it.each<[string, Reply, string]>([
    ['a wrong secret id', recorded('approle-wrong'), 'vault-auth-failed'],
    ['a seal', recorded('sealed'), 'vault-sealed'],
  ])('is not had after %s, and asked for anew with the next call', async (_name, reply, code) => {
    server.routes.set('POST auth/approle/login', reply);
    const to = await open(approle);
    expect((await failureOf(to.findCa('x'))).code).toBe(code);
    server.routes.set('POST auth/approle/login', recorded('approle-login'));
    expect(await to.findCa('x')).toBeUndefined();
  });
});
