import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Failure, RotationError } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import type { NewCa } from '../../ports/issuer.js';
import { type Ca, type CaParts, makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { type Reply, type VaultServer, recorded, startVaultServer } from '../../../test/support/vault-server.js';
import { type VaultIssuer, openVaultIssuer } from './issuer.js';

const hourMs = 3_600_000;
const canary = 'hvs.CANARYcanaryCANARYcanaryCANARY';
const nowMs = Date.UTC(2026, 10, 23, 13);
const generate = 'POST pki/issuers/generate/root/exported';

let server: VaultServer;
let waits: number[] = [];
beforeAll(async () => {
  server = await startVaultServer();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.routes.clear();
  server.seen.length = 0;
  waits = [];
  server.routes.set('GET auth/token/lookup-self', recorded('token-lookup'));
});

function open(env: Record<string, string> = {}): Promise<VaultIssuer> {
  return openVaultIssuer({
    env: { VAULT_ADDR: server.address, VAULT_CACERT: server.caFile, VAULT_TOKEN: canary, ...env },
    mount: '/pki/',
    now: () => nowMs,
    log: () => {},
    wait: async (ms) => void waits.push(ms),
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

const ca: NewCa = { name: 'gen-2', commonName: 'kubernetes', serialNumber: 'gen-2', keyType: 'ecdsa-p256', ttlMs: 1_000 * hourMs, backdateMs: hourMs };
const good: CaParts = { subject: { commonName: 'kubernetes', serialNumber: 'gen-2' }, notBeforeMs: nowMs - hourMs, notAfterMs: nowMs + 1_000 * hourMs };
const answer = (made: Ca, key: Secret = made.keyPem): Reply => ({
  status: 200,
  body: { data: { certificate: made.certificatePem.trimEnd(), private_key: key.reveal().toString().trimEnd(), issuer_id: 'i', key_id: 'k' } },
});

describe('generateCa', () => {
  it('asks for a root of its own name and gives back what it checked', async () => {
    const made = await makeCa(good);
    server.routes.set(generate, answer(made));
    const got = await (await open({ VAULT_NAMESPACE: 'team/a' })).generateCa(ca);
    expect(got).toMatchObject({ issuerId: 'i', keyId: 'k', certificatePem: made.certificatePem });
    expect(got.key.reveal().toString()).toBe(made.keyPem.reveal().toString());
    expect(JSON.stringify(got)).not.toContain('PRIVATE');
    expect(server.seen.at(-1)).toEqual({
      call: generate,
      token: canary,
      namespace: 'team/a',
      body: {
        issuer_name: 'gen-2',
        key_name: 'gen-2',
        common_name: 'kubernetes',
        serial_number: 'gen-2',
        key_type: 'ec',
        key_bits: 256,
        ttl: '3600000s',
        not_before_duration: '3600s',
        exclude_cn_from_sans: true,
        format: 'pem',
      },
    });
  });

  const wrong: [string, Partial<CaParts>, string][] = [
    ['a path length', { pathLength: 0 }, 'limits the length of paths'],
    ['extended usages', { usages: ['serverAuth'] }, 'extended key usages'],
    ['no key identifier', { keyIdentifiers: 'none' }, 'no subject key identifier'],
    ['another name', { subject: { commonName: 'kubernetes' } }, 'its subject is "CN=kubernetes"'],
    ['another kind of key', { keyType: 'rsa-2048' }, 'its key is rsa-2048'],
    ['no backdating', { notBeforeMs: nowMs }, 'valid only from'],
    ['a shorter life', { notAfterMs: nowMs + 999 * hourMs }, 'sooner than asked for'],
  ];
  it.each(wrong)('refuses a root with %s', async (_name, parts, complaint) => {
    server.routes.set(generate, answer(await makeCa({ ...good, ...parts })));
    const failure = await failureOf((await open()).generateCa(ca));
    expect(failure).toMatchObject({ code: 'ca-rejected', target: 'gen-2' });
    expect(failure.cause).toContain(complaint);
  });

  it('refuses an intermediate, and a key that is not its own', async () => {
    const [root, other] = [await makeCa(good), await makeCa(good)];
    server.routes.set(generate, answer(await makeCa({ ...good, signedBy: root })));
    expect((await failureOf((await open()).generateCa(ca))).cause).toContain('not self-signed');
    server.routes.set(generate, answer(root, other.keyPem));
    expect((await failureOf((await open()).generateCa(ca))).cause).toBe('the key that came with it is not its key');
    server.routes.set(generate, answer(root, new Secret('CANARY')));
    expect((await failureOf((await open()).generateCa(ca))).cause).toBe('the key that came with it is not its key');
    server.routes.set(generate, { status: 200, body: { data: { certificate: root.certificatePem } } });
    expect((await failureOf((await open()).generateCa(ca))).code).toBe('ca-rejected');
  });

  it.each<[string, Reply | 'cut' | 'hang', string, number]>([
    ['a connection that is cut', 'cut', 'vault-unreachable', 1],
    ['no answer', 'hang', 'vault-unreachable', 1],
    ['status 500', { status: 500, body: { errors: ['internal error'] } }, 'vault-refused', 1],
    ['a name that is taken', recorded('issuer-name-taken'), 'vault-refused', 1],
    ['a refused permission', recorded('permission-denied'), 'vault-policy-missing', 1],
    ['a token that has ended', recorded('token-wrong'), 'vault-auth-failed', 1],
    ['a seal', recorded('sealed'), 'vault-sealed', 1],
    ['a mount that is not there', recorded('no-handler'), 'vault-refused', 1],
    ['an answer of something else', { status: 200, body: 'hello' }, 'ca-rejected', 1],
  ])('is not repeated after %s', async (_name, reply, code, times) => {
    server.routes.set(generate, reply);
    expect(await failureOf((await open(reply === 'hang' ? { VAULT_CLIENT_TIMEOUT: '300ms' } : {})).generateCa(ca))).toMatchObject({ code });
    expect(server.seen.filter((r) => r.call === generate)).toHaveLength(times);
  });
});

describe('sign', () => {
  it('returns the leaf, and refuses one that is not that of the request', async () => {
    const issuing = await makeCa(good);
    const [mine, theirs] = await Promise.all([makeKeyPair('ecdsa-p256'), makeKeyPair('rsa-2048')]);
    const subject = { commonName: 'system:node:w1', organizations: ['system:nodes'] };
    const csrOf = (key: Secret, sans: string[], who = subject): Promise<string> => makeRequest({ privateKeyPem: key, subject: who, sans });
    const csrPem = await csrOf(mine.privateKeyPem, ['DNS:w1', 'IP:10.0.0.1']);
    const leaf = (csr: string, more: { usages?: ('serverAuth' | 'clientAuth')[]; notAfterMs?: number; notBeforeMs?: number } = {}): Promise<string> =>
      signLeaf({ ca: issuing, csrPem: csr, usages: ['serverAuth'], notBeforeMs: nowMs - 30_000, notAfterMs: nowMs + 100 * hourMs, ...more });
    const to = await open();
    const sign = async (pem: string): Promise<string> => {
      server.routes.set('POST pki/issuer/i/sign-verbatim', { status: 200, body: { data: { certificate: pem } } });
      return to.sign({ issuerId: 'i', csrPem, ttlMs: 100 * hourMs, backdateMs: hourMs, usages: ['serverAuth'] });
    };
    const right = await leaf(csrPem);
    expect(await sign(right)).toBe(right);
    expect(server.seen.at(-1)?.body).toEqual({ csr: csrPem, ttl: '360000s', key_usage: ['DigitalSignature'], ext_key_usage: ['ServerAuth'], format: 'pem' });
    const wrong: [Promise<string>, string][] = [
      [csrOf(theirs.privateKeyPem, ['DNS:w1', 'IP:10.0.0.1']).then((csr) => leaf(csr)), 'another key'],
      [csrOf(mine.privateKeyPem, ['DNS:w1']).then((csr) => leaf(csr)), 'its alternative names are "DNS:w1"'],
      [csrOf(mine.privateKeyPem, ['DNS:w1', 'IP:10.0.0.1'], { ...subject, commonName: 'eve' }).then((csr) => leaf(csr)), 'its subject is'],
      [leaf(csrPem, { usages: ['clientAuth'] }), 'its usages are "clientAuth"'],
      [leaf(csrPem, { notAfterMs: nowMs + hourMs }), 'sooner than asked for'],
      [leaf(csrPem, { notBeforeMs: nowMs + hourMs }), 'valid only from'],
      [Promise.resolve(right + right), '2 certificates'],
    ];
    for (const [pem, complaint] of wrong) expect(await failureOf(sign(await pem))).toMatchObject({ code: 'ca-rejected', cause: expect.stringContaining(complaint) as unknown });
    expect((await failureOf(to.sign({ issuerId: 'i', csrPem: 'x', ttlMs: 1, backdateMs: 1, usages: [] }))).code).toBe('pem-invalid');
  });
});

describe('findCa', () => {
  it.each<[string, Reply]>([
    ['an empty list', recorded('issuers-empty')],
    ['a list without it', { status: 200, body: { data: { key_info: { a: { issuer_name: 'gen-1' } }, keys: ['a'] } } }],
  ])('finds nothing in %s', async (_name, reply) => {
    server.routes.set('GET pki/issuers?list=1', reply);
    expect(await (await open()).findCa('gen-2')).toBeUndefined();
  });

  it('repeats reading, over one connection, with longer and longer waits', async () => {
    const replies: Reply[] = [{ status: 500, body: { errors: ['x'] } }, { status: 502 }, recorded('issuers-empty')];
    server.routes.set('GET pki/issuers?list=1', () => replies.shift() ?? recorded('issuers-empty'));
    const to = await open();
    const before = server.connections();
    for (let i = 0; i < 20; i++) expect(await to.findCa('x')).toBeUndefined();
    expect(waits).toEqual([250, 500]);
    expect(server.connections() - before).toBe(1);
  });

  it('gives up after VAULT_MAX_RETRIES, and at once when the operator asks', async () => {
    server.routes.set('GET pki/issuers?list=1', { status: 503, body: { errors: ['busy'] } });
    expect(await failureOf((await open({ VAULT_MAX_RETRIES: '1' })).findCa('x'))).toMatchObject({ code: 'vault-refused', retryable: true });
    expect(waits).toEqual([250]);
    const stop = new AbortController();
    server.routes.set('GET pki/issuers?list=1', () => {
      stop.abort();
      return 'hang';
    });
    expect((await failureOf((await open()).findCa('x', { signal: stop.signal }))).code).toBe('interrupted');
  });
});

describe('check', () => {
  const allGranted = (request: { body: Record<string, unknown> }): Reply => ({
    status: 200,
    body: { data: Object.fromEntries((request.body.paths as string[]).map((p) => [p, ['root']])) },
  });
  beforeEach(() => {
    server.routes.set('GET sys/health', recorded('health'));
    server.routes.set('POST sys/capabilities-self', allGranted);
    server.routes.set('GET sys/internal/ui/mounts/pki', recorded('mount'));
  });

  it('finds everything in order', async () => {
    expect(await (await open()).check({ caTtlMs: 87_600 * hourMs })).toEqual([]);
  });

  it.each<[string, string, Reply, string, string]>([
    ['a seal', 'GET sys/health', recorded('health-sealed'), 'vault-sealed', 'vault operator unseal'],
    ['no initialisation', 'GET sys/health', { status: 501, body: { initialized: false } }, 'vault-refused', 'vault operator init'],
    ['an old version', 'GET sys/health', { status: 200, body: { initialized: true, sealed: false, version: '1.10.3' } }, 'vault-refused', '1.11'],
    ['a wrong token', 'GET auth/token/lookup-self', recorded('token-wrong'), 'vault-auth-failed', 'vault login'],
    [
      'missing grants',
      'POST sys/capabilities-self',
      recorded('capabilities-missing'),
      'vault-policy-missing',
      'path "pki/issuers/generate/root/exported" { capabilities = ["update"] }',
    ],
    ['no grant to ask for grants', 'POST sys/capabilities-self', recorded('permission-denied'), 'vault-policy-missing', 'path "sys/capabilities-self"'],
    ['a missing mount', 'GET sys/internal/ui/mounts/pki', recorded('mount-missing'), 'vault-refused', 'vault secrets enable -path=pki pki'],
    ['another engine', 'GET sys/internal/ui/mounts/pki', { status: 200, body: { data: { type: 'kv' } } }, 'vault-refused', '--vault-mount'],
    [
      'a short lease limit',
      'GET sys/internal/ui/mounts/pki',
      { status: 200, body: { data: { type: 'pki', config: { max_lease_ttl: 60 } } } },
      'vault-refused',
      'vault secrets tune -max-lease-ttl=100h pki',
    ],
  ])('tells %s', async (_name, call, reply, code, next) => {
    server.routes.set(call, reply);
    const failures = await (await open()).check({ caTtlMs: 100 * hourMs });
    expect(failures.map((f) => f.code)).toEqual([code]);
    expect(failures[0]?.nextAction).toContain(next);
  });
});
