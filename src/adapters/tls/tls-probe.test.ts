import { once } from 'node:events';
import https from 'node:https';
import { createServer, type Server, type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failuresOf, type Failure } from '../../domain/errors.js';
import { Secret } from '../../domain/secret.js';
import type { Address } from '../../ports/tls-probe.js';
import { type Ca, makeCa, signLeaf } from '../../x509/certificate-authority.js';
import { makeKeyPair } from '../../x509/key-pair.js';
import { makeRequest } from '../../x509/request.js';
import { openTlsProbe } from './tls-probe.js';

interface Leaf {
  readonly certificatePem: string;
  readonly key: Secret;
}

const probe = openTlsProbe();
const deadlineMs = 5_000;
const hourMs = 3_600_000;
let outgoing: Ca;
let incoming: Ca;
let between: Ca;
let serving: Leaf;
let expired: Leaf;
let chained: Leaf;
let admin: Leaf;
let stranger: Leaf;
const servers: { server: Server; sockets: Set<Socket> }[] = [];

async function ca(signedBy?: Ca): Promise<Ca> {
  // The same DN for each: kubeadm's CAs are told apart by their keys alone.
  const commonName = signedBy === undefined ? 'kubernetes' : 'between';
  return makeCa({ subject: { commonName }, notBeforeMs: Date.now() - hourMs, notAfterMs: Date.now() + hourMs, ...(signedBy === undefined ? {} : { signedBy }) });
}

async function leaf(issuer: Ca, usage: 'serverAuth' | 'clientAuth', toMs = hourMs): Promise<Leaf> {
  const { privateKeyPem } = await makeKeyPair('ecdsa-p256');
  const csrPem = await makeRequest({ privateKeyPem, subject: { commonName: 'x' }, sans: usage === 'serverAuth' ? ['IP:127.0.0.1', 'DNS:kubernetes.default.svc'] : [] });
  const certificatePem = await signLeaf({ ca: issuer, csrPem, usages: [usage], notBeforeMs: Date.now() - 2 * hourMs, notAfterMs: Date.now() + toMs });
  return { certificatePem, key: privateKeyPem };
}

beforeAll(async () => {
  outgoing = await ca();
  incoming = await ca();
  between = await ca(outgoing);
  serving = await leaf(outgoing, 'serverAuth');
  expired = await leaf(outgoing, 'serverAuth', -hourMs);
  chained = await leaf(between, 'serverAuth');
  admin = await leaf(outgoing, 'clientAuth');
  stranger = await leaf(incoming, 'clientAuth');
});

afterEach(async () => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  }
});

async function listening(server: Server): Promise<Address> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  servers.push({ server, sockets });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { host: '127.0.0.1', port: (server.address() as { port: number }).port };
}

function tlsServer(credential: Leaf, options: tls.TlsOptions = {}): Promise<Address> {
  const server = tls.createServer({ cert: credential.certificatePem, key: credential.key.reveal(), ...options }, (socket) => socket.on('error', () => undefined));
  server.on('tlsClientError', () => undefined);
  return listening(server);
}

/** As an API server or kubelet: asks for a certificate, answers 401 to one that it does not accept. */
function apiServer(seen: { headers?: unknown; body?: string } = {}): Promise<Address> {
  const server = https.createServer(
    { cert: serving.certificatePem, key: serving.key.reveal(), ca: outgoing.certificatePem, requestCert: true, rejectUnauthorized: false },
    async (request, response) => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      Object.assign(seen, { headers: request.headers, body });
      const accepted = (request.socket as TLSSocket).authorized || request.headers.authorization === 'Bearer good';
      response.writeHead(accepted ? 200 : 401).end(accepted ? 'ok' : 'Unauthorized');
    },
  );
  return listening(server);
}

async function refusedPort(): Promise<Address> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return { host: '127.0.0.1', port };
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    const first = failuresOf(error)?.[0];
    if (first !== undefined) return first;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('presentedBy', () => {
  it('the leaf alone, though nobody trusts it and it has expired', async () => {
    const at = await tlsServer(expired);
    expect(await probe.presentedBy(at, { deadlineMs })).toEqual([expired.certificatePem]);
  });

  it('the whole chain that is sent, leaf first, and the root once', async () => {
    const at = await tlsServer({ ...chained, certificatePem: `${chained.certificatePem}${between.certificatePem}${outgoing.certificatePem}` });
    expect(await probe.presentedBy(at, { deadlineMs })).toEqual([chained.certificatePem, between.certificatePem, outgoing.certificatePem]);
  });

  it('nothing is added to what was sent', async () => {
    const at = await tlsServer(chained);
    expect(await probe.presentedBy(at, { deadlineMs })).toEqual([chained.certificatePem]);
  });

  it('a server that demands a client certificate presents its own first', async () => {
    const at = await tlsServer(serving, { requestCert: true, rejectUnauthorized: true, ca: outgoing.certificatePem });
    expect((await probe.presentedBy(at, { deadlineMs }))[0]).toBe(serving.certificatePem);
  });

  it('the server name decides, and there is none for an address', async () => {
    const names: (string | false | null)[] = [];
    const server = tls.createServer({ cert: serving.certificatePem, key: serving.key.reveal() }, (socket) => {
      names.push(socket.servername ?? null);
      socket.on('error', () => undefined);
    });
    const at = await listening(server);
    await probe.presentedBy(at, { deadlineMs });
    await probe.presentedBy(at, { deadlineMs, serverName: 'kubernetes.default.svc' });
    await expect.poll(() => names).toEqual([false, 'kubernetes.default.svc']);
  });

  it('a new certificate is seen at once, each time on a connection of its own', async () => {
    const server = tls.createServer({ cert: serving.certificatePem, key: serving.key.reveal() });
    let connections = 0;
    let resumed = 0;
    server.on('secureConnection', (socket: TLSSocket) => {
      connections += 1;
      if (socket.isSessionReused()) resumed += 1;
      socket.on('error', () => undefined);
    });
    const at = await listening(server);
    for (let i = 0; i < 5; i += 1) expect(await probe.presentedBy(at, { deadlineMs })).toEqual([serving.certificatePem]);
    server.setSecureContext({ cert: chained.certificatePem, key: chained.key.reveal() });
    expect(await probe.presentedBy(at, { deadlineMs })).toEqual([chained.certificatePem]);
    await expect.poll(() => [connections, resumed]).toEqual([6, 0]);
  });

  it('a refused connection, a server that hangs, one that is no TLS server', async () => {
    expect(await failureOf(probe.presentedBy(await refusedPort(), { deadlineMs }))).toMatchObject({
      code: 'api-unreachable',
      cause: expect.stringContaining('ECONNREFUSED'),
      retryable: true,
    });
    const silent = await listening(createServer());
    expect(await failureOf(probe.presentedBy(silent, { deadlineMs: 80 }))).toMatchObject({
      code: 'api-unreachable',
      cause: 'ETIMEDOUT: no answer within 80 ms',
      target: `127.0.0.1:${silent.port}`,
    });
    const plain = await listening(createServer((socket) => socket.end('HTTP/1.0 400 Bad Request\r\n\r\n')));
    expect(await failureOf(probe.presentedBy(plain, { deadlineMs }))).toMatchObject({ code: 'api-unreachable', cause: expect.stringMatching(/^ERR_SSL_|^EPROTO/) });
    const rude = await listening(createServer((socket) => socket.end()));
    expect(await failureOf(probe.presentedBy(rude, { deadlineMs }))).toMatchObject({ code: 'api-unreachable', cause: expect.stringContaining('ECONNRESET') });
  });

  it('a stop', async () => {
    const stop = new AbortController();
    const at = await listening(createServer(() => stop.abort()));
    expect(await failureOf(probe.presentedBy(at, { deadlineMs, signal: stop.signal }))).toMatchObject({ code: 'interrupted' });
    expect(await failureOf(probe.verifies(at, { deadlineMs, signal: stop.signal, caPem: outgoing.certificatePem }))).toMatchObject({ code: 'interrupted' });
    expect(await failureOf(probe.request(at, { method: 'GET', path: '/', deadlineMs, signal: stop.signal }))).toMatchObject({ code: 'interrupted' });
  });
});

describe('verifies', () => {
  const unknownIssuer = /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|CERT_SIGNATURE_FAILURE)$/;

  it.each([
    ['its CA', () => serving, () => outgoing.certificatePem],
    ['its CA in a bundle after one of the same name', () => serving, () => `${incoming.certificatePem}${outgoing.certificatePem}`],
    ['an intermediate CA alone, as Go does', () => chained, () => between.certificatePem],
  ])('against %s', async (_, credential, caPem) => {
    expect(await probe.verifies(await tlsServer(credential()), { caPem: caPem(), deadlineMs })).toEqual({ ok: true });
  });

  it.each([
    ['a CA of the same name with another key', () => serving, () => incoming.certificatePem, unknownIssuer],
    ['the root of a chain that is not sent', () => chained, () => outgoing.certificatePem, unknownIssuer],
    ['its CA, when it has expired', () => expired, () => outgoing.certificatePem, /^CERT_HAS_EXPIRED$/],
    ['nothing', () => serving, () => '', unknownIssuer],
    ['text that is no certificate', () => serving, () => 'no certificate', unknownIssuer],
  ])('not against %s', async (_, credential, caPem, error) => {
    expect(await probe.verifies(await tlsServer(credential()), { caPem: caPem(), deadlineMs })).toEqual({ ok: false, error: expect.stringMatching(error) });
  });

  it('the name must be in the certificate', async () => {
    const at = await tlsServer(serving);
    expect(await probe.verifies(at, { caPem: outgoing.certificatePem, deadlineMs, serverName: 'kubernetes.default.svc' })).toEqual({ ok: true });
    expect(await probe.verifies(at, { caPem: outgoing.certificatePem, deadlineMs, serverName: 'other' })).toEqual({ ok: false, error: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('no server, and one that hangs, are told by their codes', async () => {
    expect(await probe.verifies(await refusedPort(), { caPem: outgoing.certificatePem, deadlineMs })).toEqual({ ok: false, error: 'ECONNREFUSED' });
    expect(await probe.verifies(await listening(createServer()), { caPem: outgoing.certificatePem, deadlineMs: 80 })).toEqual({ ok: false, error: 'ETIMEDOUT' });
  });
});

describe('request', () => {
  const healthz = { method: 'GET', path: '/healthz', deadlineMs } as const;

  it.each([
    ['the certificate of a CA that is trusted', () => ({ credential: admin }), 200],
    ['the certificate of another CA of the same name', () => ({ credential: stranger }), 401],
    ['no certificate', () => ({}), 401],
    ['a token', () => ({ bearer: new Secret('good\n') }), 200],
    ['a wrong token', () => ({ bearer: new Secret('bad') }), 401],
  ])('%s: %i', async (_, parts, status) => {
    const at = await apiServer();
    expect(await probe.request(at, { ...healthz, ...parts(), caPem: outgoing.certificatePem })).toEqual({ status, body: status === 200 ? 'ok' : 'Unauthorized' });
  });

  it('a POST with its body, over a connection that ends with it', async () => {
    const seen: { headers?: Record<string, string>; body?: string } = {};
    const at = await apiServer(seen);
    await probe.request(at, { method: 'POST', path: '/apis', body: '{"a":"ä"}', deadlineMs, credential: admin });
    expect(seen.body).toBe('{"a":"ä"}');
    expect(seen.headers).toMatchObject({ host: `127.0.0.1:${at.port}`, connection: 'close', 'content-type': 'application/json', 'content-length': '10' });
  });

  it('the server is verified when a CA is given, and not otherwise', async () => {
    const at = await apiServer();
    expect(await probe.request(at, { ...healthz, credential: admin })).toMatchObject({ status: 200 });
    expect(await failureOf(probe.request(at, { ...healthz, credential: admin, caPem: incoming.certificatePem }))).toMatchObject({
      code: 'api-unreachable',
      cause: expect.stringMatching(/^SELF_SIGNED_CERT_IN_CHAIN/),
    });
    expect(await failureOf(probe.request(at, { ...healthz, credential: admin, caPem: '' }))).toMatchObject({ code: 'api-unreachable' });
  });

  it('a server that ends the handshake for want of a certificate (etcd) gives no HTTP answer', async () => {
    const at = await tlsServer(serving, { requestCert: true, rejectUnauthorized: true, ca: outgoing.certificatePem });
    expect(await failureOf(probe.request(at, { ...healthz, credential: stranger }))).toMatchObject({
      code: 'api-unreachable',
      cause: expect.stringMatching(/^(ECONNRESET|ERR_SSL_|EPIPE)/),
    });
  });

  it('no server, one that hangs, one that stops in the middle of its answer', async () => {
    expect(await failureOf(probe.request(await refusedPort(), healthz))).toMatchObject({ code: 'api-unreachable', cause: expect.stringContaining('ECONNREFUSED') });
    const mute = await tlsServer(serving);
    expect(await failureOf(probe.request(mute, { ...healthz, deadlineMs: 80 }))).toMatchObject({ code: 'api-unreachable', cause: 'ETIMEDOUT: no answer within 80 ms' });
    const half = await listening(
      tls.createServer({ cert: serving.certificatePem, key: serving.key.reveal() }, (socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'));
      }),
    );
    expect(await failureOf(probe.request(half, healthz))).toMatchObject({ code: 'api-unreachable', cause: expect.stringContaining('ECONNRESET') });
  });

  it('a key or certificate that cannot be read is a failure without its text', async () => {
    const at = await apiServer();
    const failure = await failureOf(probe.request(at, { ...healthz, credential: { certificatePem: admin.certificatePem, key: new Secret('not-a-key-but-secret') } }));
    expect(failure.code).toBe('api-unreachable');
    expect(JSON.stringify(failure)).not.toContain('not-a-key-but-secret');
  });
});
