import { once } from 'node:events';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RotationError } from '../../domain/errors.js';
import type { KubeAccess } from '../../ports/kube.js';
import type { Ca } from '../../x509/certificate-authority.js';
import { ca, leaf } from './certificates.test-support.js';
import { type KubeApi, startKubeApi, status } from './kube-api.test-support.js';
import { failureOf, folder, kubeconfigText, type Parts, removeFolders, write } from './kubeconfig.test-support.js';
import { openKube } from './open-kube.js';

type Leaf = Awaited<ReturnType<typeof leaf>>;
let outgoing: Ca;
let incoming: Ca;
let outgoingServing: Leaf;
let incomingServing: Leaf;
let outgoingAdmin: Leaf;
let incomingAdmin: Leaf;
let api: KubeApi;
const open: KubeAccess[] = [];
const node = { apiVersion: 'v1', kind: 'Node', name: 'cp1' };

afterAll(removeFolders);
beforeAll(async () => {
  outgoing = await ca('kubernetes');
  incoming = await ca('kubernetes');
  outgoingServing = await leaf(outgoing, 'kube-apiserver', 'serverAuth');
  incomingServing = await leaf(incoming, 'kube-apiserver', 'serverAuth');
  outgoingAdmin = await leaf(outgoing, 'outgoing-admin', 'clientAuth');
  incomingAdmin = await leaf(incoming, 'incoming-admin', 'clientAuth');
});

beforeEach(async () => {
  api = await startKubeApi({ ...outgoingServing, clientCaPem: `${outgoing.certificatePem}${incoming.certificatePem}` });
  api.objects.set('/api/v1/nodes/cp1', { apiVersion: 'v1', kind: 'Node', metadata: { name: 'cp1' } });
});

afterEach(async () => {
  for (const access of open.splice(0)) access.close();
  await api.close();
});

async function opened(parts: Partial<Parts> = {}): Promise<KubeAccess> {
  const kubeconfig = write(folder(), 'config', kubeconfigText({ server: api.url, caPem: outgoing.certificatePem, client: outgoingAdmin, ...parts }));
  const access = await openKube({ kubeconfig, env: {} });
  open.push(access);
  return access;
}

describe('connections', () => {
  it('100 requests one after the other need one', async () => {
    const kube = (await opened()).kube();
    for (let i = 0; i < 100; i += 1) await kube.read(node);
    expect(api.seen).toHaveLength(100);
    expect(api.connections()).toBe(1);
  });

  it('a GET is sent again when the peer has closed the idle connection, a write is not', async () => {
    const kube = (await opened()).kube();
    await kube.read(node);
    let cuts = 0;
    api.script(() => {
      cuts += 1;
      return cuts === 1 ? 'cut' : undefined;
    });
    expect(await kube.read(node)).toBeDefined();
    expect(api.connections()).toBe(2);
    cuts = 0;
    expect(await failureOf(kube.patch(node, {}))).toMatchObject({ code: 'api-unreachable', cause: 'ECONNRESET: socket hang up', retryable: true });
    expect(cuts).toBe(1);
  });

  it.each([
    ['with its version as the condition is sent again', '/metadata/resourceVersion', 2],
    ['without it is not', '/metadata/name', 1],
  ])('a JSON patch %s', async (_, path, sent) => {
    const kube = (await opened()).kube();
    await kube.read(node);
    let seen = 0;
    api.script(() => (++seen === 1 ? 'cut' : undefined));
    const outcome = kube.jsonPatch(node, [{ op: 'test', path, value: '1' }]).catch(() => 'thrown');
    expect(await outcome).toEqual(sent === 1 ? 'thrown' : expect.anything());
    expect(seen).toBe(sent);
  });

  it('a GET on a new connection is not sent again', async () => {
    const kube = (await opened()).kube();
    api.script(() => 'cut');
    expect(await failureOf(kube.read(node))).toMatchObject({ code: 'api-unreachable', cause: 'ECONNRESET: socket hang up' });
    expect(api.seen).toHaveLength(1);
  });

  it('after close nothing is sent', async () => {
    const access = await opened();
    await access.kube().read(node);
    access.close();
    await expect(access.kube().read(node)).rejects.toThrow('after it was closed');
  });
});

describe('limits', () => {
  it('a silent API ends in deadline-exceeded', async () => {
    api.script(() => 'silent');
    const kube = (await opened()).kube();
    expect(await failureOf(kube.read(node, { deadlineMs: 80 }))).toMatchObject({
      code: 'deadline-exceeded',
      summary: 'The Kubernetes API did not answer GET /api/v1/nodes/cp1 within 0.08 s',
      retryable: true,
    });
  });

  it('a port that accepts and says nothing, too', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const kube = (await opened()).kube().at(`https://127.0.0.1:${port}`);
    expect(await failureOf(kube.read(node, { deadlineMs: 80 }))).toMatchObject({ code: 'deadline-exceeded' });
    silent.close();
  });

  it('a stop ends a request that is under way, and one that has not begun', async () => {
    const stop = new AbortController();
    api.script(() => {
      stop.abort();
      return 'silent';
    });
    const kube = (await opened()).kube();
    expect(await failureOf(kube.read(node, { signal: stop.signal }))).toMatchObject({ code: 'interrupted' });
    expect(await failureOf(kube.read(node, { signal: stop.signal }))).toMatchObject({ code: 'interrupted' });
    expect(api.seen).toHaveLength(1);
  });
});

describe('networks', () => {
  it('a refused connection keeps its code', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as { port: number };
    closed.close();
    const kube = (await opened()).kube().at(`https://127.0.0.1:${port}`);
    const failure = await failureOf(kube.read(node));
    expect(failure).toMatchObject({ code: 'api-unreachable', retryable: true, target: `https://127.0.0.1:${port}` });
    expect(failure.cause).toContain('ECONNREFUSED');
  });

  it.each([
    ['of a CA that is not trusted', () => incomingServing, /^SELF_SIGNED_CERT_IN_CHAIN/],
    ['that has expired', () => leaf(outgoing, 'kube-apiserver', 'serverAuth', { fromHours: -3, toHours: -1 }), /^CERT_HAS_EXPIRED/],
    ['for another address', () => leaf(outgoing, 'kube-apiserver', 'serverAuth', { sans: ['IP:10.96.0.1'] }), /^ERR_TLS_CERT_ALTNAME_INVALID/],
  ])('a certificate %s', async (_, serving, code) => {
    api.useCertificate(await serving());
    const failure = await failureOf((await opened()).kube().read(node));
    expect(failure).toMatchObject({ code: 'api-unreachable', retryable: true });
    expect(failure.cause).toMatch(code);
  });

  it('NODE_TLS_REJECT_UNAUTHORIZED changes nothing', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      api.useCertificate(incomingServing);
      expect(await failureOf((await opened()).kube().read(node))).toMatchObject({ code: 'api-unreachable' });
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });
});

describe('trust', () => {
  it('trustAlso: both CAs from now on, over connections made anew, through the same client', async () => {
    const access = await opened();
    const kube = access.kube();
    await kube.read(node);
    api.useCertificate(incomingServing);
    // The kept connection proves nothing about the certificate that is presented now.
    expect(await kube.read(node)).toBeDefined();
    access.trustAlso(incoming.certificatePem);
    expect(await kube.read(node)).toBeDefined();
    expect(api.connections()).toBe(2);
    api.useCertificate(outgoingServing);
    access.trustAlso(incoming.certificatePem);
    expect(await kube.read(node)).toBeDefined();
  });

  it('trustOnly: no longer those of the kubeconfig; trustAlso adds to it', async () => {
    const access = await opened();
    const kube = access.kube();
    access.trustOnly(incoming.certificatePem);
    expect(await failureOf(kube.read(node))).toMatchObject({ code: 'api-unreachable' });
    api.useCertificate(incomingServing);
    expect(await kube.read(node)).toBeDefined();
    api.useCertificate(outgoingServing);
    access.trustAlso(outgoing.certificatePem);
    expect(await kube.read(node)).toBeDefined();
  });

  it('nothing is not a bundle', async () => {
    const access = await opened();
    for (const change of [access.trustOnly, access.trustAlso]) expect(() => change('')).toThrow(RotationError);
  });

  it('an intermediate CA alone is an anchor, as it is for kubectl', async () => {
    const between = await ca('between', {}, outgoing);
    api.useCertificate(await leaf(between, 'kube-apiserver', 'serverAuth'));
    const kube = (await opened({ caPem: between.certificatePem })).kube();
    expect(await kube.read(node)).toBeDefined();
  });

  it('insecure-skip-tls-verify stays so with trustAlso, and ends with trustOnly', async () => {
    const { caPem: _caPem, ...without } = { caPem: '', cluster: ['insecure-skip-tls-verify: true'] };
    const kubeconfig = write(folder(), 'config', kubeconfigText({ server: api.url, client: outgoingAdmin, ...without }));
    const access = await openKube({ kubeconfig, env: {} });
    open.push(access);
    access.trustAlso(incoming.certificatePem);
    expect(await access.kube().read(node)).toBeDefined();
    access.trustOnly(incoming.certificatePem);
    expect(await failureOf(access.kube().read(node))).toMatchObject({ code: 'api-unreachable' });
  });

  it('a request under way is not cut by a change of trust', async () => {
    const access = await opened();
    api.script(() => {
      access.trustAlso(incoming.certificatePem);
      return undefined;
    });
    expect((await access.kube().patch(node, { spec: {} })).metadata.name).toBe('cp1');
  });
});

describe('credential', () => {
  it('present: the incoming certificate, and that of the kubeconfig again; the error names the one in use', async () => {
    const access = await opened();
    const kube = access.kube();
    await kube.read(node);
    access.present(incomingAdmin);
    await kube.read(node);
    access.present(undefined);
    await kube.read(node);
    expect(api.seen.map((seen) => seen.client)).toEqual(['outgoing-admin', 'incoming-admin', 'outgoing-admin']);
    const stranger = await leaf(await ca('somebody'), 'stranger', 'clientAuth');
    access.present(stranger);
    expect(await failureOf(kube.read(node))).toMatchObject({ code: 'api-forbidden', summary: expect.stringContaining('issued by "CN=somebody"') });
  });

  it('present takes the place of a token, too', async () => {
    const { client: _client, ...token } = { client: undefined, user: ['token: the-token'] };
    const kubeconfig = write(folder(), 'config', kubeconfigText({ server: api.url, caPem: outgoing.certificatePem, ...token }));
    const access = await openKube({ kubeconfig, env: {} });
    open.push(access);
    await access.kube().read(node);
    access.present(incomingAdmin);
    await access.kube().read(node);
    expect(api.seen.map((seen) => [seen.headers.authorization, seen.client])).toEqual([
      ['Bearer the-token', undefined],
      [undefined, 'incoming-admin'],
    ]);
    expect(access.original()).toBeUndefined();
  });

  it('original: the certificate of the kubeconfig, whatever is presented', async () => {
    const access = await opened();
    access.present(incomingAdmin);
    expect(access.original()?.certificatePem).toBe(outgoingAdmin.certificatePem);
    expect(access.original()?.key.reveal().equals(outgoingAdmin.key.reveal())).toBe(true);
    expect(JSON.stringify(access.original())).not.toContain('PRIVATE KEY');
  });
});

describe('no error holds a secret', () => {
  it('whatever the API repeats', async () => {
    const secretText = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_.~+/'), minLength: 8, maxLength: 80 });
    await fc.assert(
      fc.asyncProperty(secretText, fc.constantFrom(400, 401, 403, 404, 409, 422, 429, 500, 503, 200), fc.boolean(), fc.string(), async (token, code, asStatus, around) => {
        const kubeconfig = write(folder(), 'config', kubeconfigText({ server: api.url, caPem: outgoing.certificatePem, user: [`token: ${JSON.stringify(token)}`] }));
        const access = await openKube({ kubeconfig, env: {} });
        try {
          api.script(({ headers }) => {
            const said = `${around} ${String(headers.authorization)} ${token}${around}`;
            return asStatus && code !== 200 ? status(code, said, said) : { status: code, text: said };
          });
          const failure = await failureOf(access.kube().patch(node, {}));
          expect(JSON.stringify(failure)).not.toContain(token);
        } finally {
          access.close();
        }
      }),
      { numRuns: 60 },
    );
  });
});
