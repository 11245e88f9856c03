import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KubeAccess } from '../../ports/kube.js';
import type { Ca } from '../../x509/certificate-authority.js';
import { ca, leaf } from './certificates.test-support.js';
import { type KubeApi, startKubeApi, status } from './kube-api.test-support.js';
import { failureOf, folder, kubeconfigText, removeFolders, write } from './kubeconfig.test-support.js';
import { type KubeOptions, openKube } from './open-kube.js';

let authority: Ca;
let serving: Awaited<ReturnType<typeof leaf>>;
let admin: Awaited<ReturnType<typeof leaf>>;
let dir: string;

afterAll(removeFolders);
beforeAll(async () => {
  authority = await ca('kubernetes');
  serving = await leaf(authority, 'kube-apiserver', 'serverAuth');
  admin = await leaf(authority, 'kubernetes-admin', 'clientAuth');
});

beforeEach(() => {
  dir = folder();
});

function good(): string {
  return kubeconfigText({ server: 'https://127.0.0.1:6443', caPem: authority.certificatePem, client: admin });
}

async function serverOf(options: Partial<KubeOptions>): Promise<string> {
  const access = await openKube({ env: {}, ...options });
  access.close();
  return access.kube().server;
}

describe('which file', () => {
  it('--kubeconfig before KUBECONFIG before ~/.kube/config', async () => {
    const file = (name: string, port: number): string => write(dir, name, kubeconfigText({ server: `https://127.0.0.1:${port}` }));
    const asked = file('asked', 1);
    const listed = file('listed', 2);
    const { mkdirSync } = await import('node:fs');
    mkdirSync(path.join(dir, '.kube'));
    file('.kube/config', 3);
    expect(await serverOf({ kubeconfig: asked, env: { KUBECONFIG: listed, HOME: dir } })).toBe('https://127.0.0.1:1');
    expect(await serverOf({ env: { KUBECONFIG: listed, HOME: dir } })).toBe('https://127.0.0.1:2');
    expect(await serverOf({ env: { HOME: dir } })).toBe('https://127.0.0.1:3');
  });

  it('two files are one: the first of a name wins, a missing one is left out', async () => {
    const contexts = write(
      dir,
      'contexts',
      'current-context: a\ncontexts:\n- {name: a, context: {cluster: lab, user: admin}}\nclusters:\n- {name: lab, cluster: {server: "https://127.0.0.1:1"}}\n',
    );
    const users = write(dir, 'users', 'current-context: b\nclusters:\n- {name: lab, cluster: {server: "https://127.0.0.1:2"}}\nusers:\n- {name: admin, user: {token: t}}\n');
    expect(await serverOf({ env: { KUBECONFIG: `${path.join(dir, 'none')}:${contexts}:${users}` } })).toBe('https://127.0.0.1:1');
    expect(await failureOf(openKube({ kubeconfig: `${path.join(dir, 'none')}:${contexts}`, env: {} }))).toMatchObject({
      code: 'kubeconfig-invalid',
      target: path.join(dir, 'none'),
      cause: 'ENOENT',
    });
  });

  it('none at all', async () => {
    expect(await failureOf(openKube({ env: { HOME: dir } }))).toMatchObject({ code: 'kubeconfig-invalid', cause: 'ENOENT' });
    expect(await failureOf(openKube({ env: { KUBECONFIG: path.join(dir, 'none') } }))).toMatchObject({ code: 'kubeconfig-invalid', cause: 'ENOENT' });
  });
});

describe('broken files', () => {
  it.each([
    ['a bad indent', 'apiVersion: v1\nclusters:\n- name: a\n   cluster: {}\n', '3:9'],
    ['a key twice', 'clusters: []\nusers: []\nclusters: []\n', '3:1'],
    ['a tab', 'clusters:\n\t- name: a\n', '2:1'],
    ['a brace left open', 'clusters: [\n', '2:1'],
    ['no mapping', 'just words', '1:1'],
    ['empty', '', '1:1'],
    ['clusters that are no list', 'clusters: 3\n', '1:11'],
    ['an entry without a name', 'clusters:\n- cluster: {}\n', '2:3'],
    ['an entry that is a word', 'users:\n- name: a\n  user: {}\n- secret\n', '4:3'],
    ['a user that is a word', 'users:\n- name: a\n  user: secret\n', '2:3'],
  ])('%s', async (_, text, position) => {
    const kubeconfig = write(dir, 'config', text);
    const failure = await failureOf(openKube({ kubeconfig, env: {} }));
    expect(failure).toMatchObject({ code: 'kubeconfig-invalid', target: `${kubeconfig}:${position}` });
  });

  it('the error does not quote the file', async () => {
    const kubeconfig = write(dir, 'config', 'users:\n- name: a\n  user:\n    token: the-token-in-here\n  : {the-token-in-here\n"the-token-in-here" x');
    expect(JSON.stringify(await failureOf(openKube({ kubeconfig, env: {} })))).not.toContain('the-token');
  });
});

describe('contexts', () => {
  const text = `contexts:
- name: whole
  context: {cluster: lab, user: admin}
- name: userless
  context: {cluster: lab}
- name: clusterless
  context: {user: admin}
- name: dangling
  context: {cluster: lab, user: gone}
clusters:
- {name: lab, cluster: {server: "https://127.0.0.1:1"}}
- {name: other, cluster: {server: "https://127.0.0.1:2"}}
users:
- {name: admin, user: {token: t}}
`;

  it.each([
    [{}, 'no current context', 'its contexts are "whole", "userless", "clusterless", "dangling"'],
    [{ context: 'prod' }, 'no context "prod"', 'its contexts are "whole", "userless", "clusterless", "dangling"'],
    [{ context: 'userless' }, '"userless" names no user', 'its users are "admin"'],
    [{ context: 'clusterless' }, '"clusterless" names no cluster', 'its clusters are "lab", "other"'],
    [{ context: 'dangling' }, 'names the user "gone", which is not there', 'its users are "admin"'],
    [{ context: 'whole', cluster: 'x' }, 'no cluster "x"', 'its clusters are "lab", "other"'],
  ])('%j: %s', async (choice, summary, cause) => {
    const kubeconfig = write(dir, 'config', text);
    expect(await failureOf(openKube({ kubeconfig, env: {}, ...choice }))).toMatchObject({ code: 'kubeconfig-invalid', summary: expect.stringContaining(summary), cause });
  });

  it.each([
    [{ context: 'whole' }, 'https://127.0.0.1:1'],
    [{ context: 'whole', cluster: 'other' }, 'https://127.0.0.1:2'],
    [{ context: 'userless', user: 'admin' }, 'https://127.0.0.1:1'],
    [{ cluster: 'other', user: 'admin' }, 'https://127.0.0.1:2'],
  ])('%j is %s', async (choice, server) => {
    expect(await serverOf({ kubeconfig: write(dir, 'config', text), ...choice })).toBe(server);
  });
});

describe('certificates of the kubeconfig', () => {
  it('an expired client certificate: since when, and what to do', async () => {
    const client = await leaf(authority, 'kubernetes-admin', 'clientAuth', { fromHours: -48, toHours: -24 });
    const kubeconfig = write(dir, 'config', kubeconfigText({ server: 'https://127.0.0.1:1', client }));
    const failure = await failureOf(openKube({ kubeconfig, env: {} }));
    expect(failure).toMatchObject({ code: 'kubeconfig-invalid', summary: 'The client certificate of user "admin" has expired' });
    expect(failure.cause).toMatch(/"O=system:masters, CN=kubernetes-admin", issued by "CN=kubernetes", since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(failure.nextAction).toContain('kubeadm certs renew admin.conf');
  });

  it('one that is not valid yet', async () => {
    const client = await leaf(authority, 'kubernetes-admin', 'clientAuth', { fromHours: 1, toHours: 2 });
    const kubeconfig = write(dir, 'config', kubeconfigText({ server: 'https://127.0.0.1:1', client }));
    expect(await failureOf(openKube({ kubeconfig, env: {} }))).toMatchObject({ code: 'kubeconfig-invalid', summary: expect.stringContaining('not valid yet') });
  });

  it('an expired CA; beside a valid one it does no harm', async () => {
    const expired = await ca('kubernetes', { fromHours: -48, toHours: -24 });
    const text = (caPem: string): string => kubeconfigText({ server: 'https://127.0.0.1:1', caPem, client: admin });
    const failure = await failureOf(openKube({ kubeconfig: write(dir, 'expired', text(expired.certificatePem)), env: {} }));
    expect(failure).toMatchObject({ code: 'kubeconfig-invalid', cause: expect.stringMatching(/^"CN=kubernetes" since \d{4}-/) });
    expect(await serverOf({ kubeconfig: write(dir, 'both', text(`${expired.certificatePem}${authority.certificatePem}`)) })).toBe('https://127.0.0.1:1');
  });

  it.each([
    [
      'a key of another certificate',
      () => leaf(authority, 'x', 'clientAuth').then((other) => ({ certificatePem: admin.certificatePem, key: other.key })),
      'is not that of its certificate',
    ],
    ['a key that is none', async () => ({ certificatePem: admin.certificatePem, key: { reveal: () => Buffer.from('no key') } }), 'cannot be read'],
    ['a certificate that is none', async () => ({ certificatePem: 'no certificate', key: admin.key }), 'is not PEM'],
  ])('%s', async (_, client, summary) => {
    const kubeconfig = write(dir, 'config', kubeconfigText({ server: 'https://127.0.0.1:1', client: await client() }));
    expect(await failureOf(openKube({ kubeconfig, env: {} }))).toMatchObject({ code: 'kubeconfig-invalid', summary: expect.stringContaining(summary) });
  });

  it.each([
    ['http://127.0.0.1:8080', 'it is "http://127.0.0.1:8080"'],
    ['nonsense', 'it is "nonsense"'],
  ])('the server %s', async (server, cause) => {
    const kubeconfig = write(dir, 'config', kubeconfigText({ server }));
    expect(await failureOf(openKube({ kubeconfig, env: {} }))).toMatchObject({ code: 'kubeconfig-invalid', cause });
  });

  it('a whole one opens without a request', async () => {
    expect(await serverOf({ kubeconfig: write(dir, 'config', good()) })).toBe('https://127.0.0.1:6443');
  });
});

describe('kinds of credential', () => {
  let api: KubeApi;
  let access: KubeAccess | undefined;
  const node = { apiVersion: 'v1', kind: 'Node', name: 'cp1' };

  beforeEach(async () => {
    api = await startKubeApi({ ...serving });
  });

  afterEach(async () => {
    access?.close();
    await api.close();
  });

  async function opened(user: readonly string[]): Promise<KubeAccess> {
    access = await openKube({ kubeconfig: write(dir, 'config', kubeconfigText({ server: api.url, caPem: authority.certificatePem, user })), env: {} });
    return access;
  }

  it('files beside the kubeconfig: certificate, key and CA', async () => {
    write(dir, 'ca.crt', authority.certificatePem);
    write(dir, 'admin.crt', admin.certificatePem);
    write(dir, 'admin.key', admin.key.reveal().toString());
    const kubeconfig = write(
      dir,
      'config',
      kubeconfigText({ server: api.url, cluster: ['certificate-authority: ca.crt'], user: ['client-certificate: admin.crt', 'client-key: ./admin.key'] }),
    );
    access = await openKube({ kubeconfig, env: {} });
    await access.kube().read(node);
    expect(api.seen[0]?.client).toBe('kubernetes-admin');
    expect(access.original()?.certificatePem).toBe(admin.certificatePem);
  });

  it('a certificate, through a proxy', async () => {
    const asked: string[] = [];
    const proxy = createServer().on('connect', (request: IncomingMessage, socket: Socket) => {
      asked.push(request.url ?? '');
      const onward = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const cluster = [`proxy-url: http://127.0.0.1:${(proxy.address() as AddressInfo).port}`];
    access = await openKube({ kubeconfig: write(dir, 'config', kubeconfigText({ server: api.url, caPem: authority.certificatePem, client: admin, cluster })), env: {} });
    for (let n = 0; n < 2; n++) await access.kube().read(node);
    expect([asked, api.seen[0]?.client]).toEqual([[new URL(api.url).host], 'kubernetes-admin']);
    proxy.close();
  });

  it('a token file that ends in a newline, relative to the kubeconfig', async () => {
    write(dir, 'token', 'from-a-file\n');
    await (await opened(['tokenFile: token'])).kube().read(node);
    expect(api.seen[0]?.headers.authorization).toBe('Bearer from-a-file');
  });

  const plugin = (body: string): string => write(dir, 'plugin', `#!/bin/sh\necho run >> "$0.log"\n${body}\n`, 0o755);
  const runs = (): number => readFileSync(path.join(dir, 'plugin.log'), 'utf8').trim().split('\n').length;
  const exec = ['exec:', '  apiVersion: client.authentication.k8s.io/v1', '  command: ./plugin', '  interactiveMode: Never'];

  it('an exec plugin: run once for many requests, told what is asked of it, and again after 401', async () => {
    plugin(
      '[ -n "$KUBERNETES_EXEC_INFO" ] || exit 1\nprintf \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}\' "$(wc -l < "$0.log" | tr -d " ")"',
    );
    const kube = (await opened(exec)).kube();
    for (let i = 0; i < 5; i += 1) await kube.read(node);
    expect(runs()).toBe(1);
    api.script(({ headers }) => (headers.authorization === 'Bearer t1' ? status(401, 'Unauthorized', 'Unauthorized') : undefined));
    expect(await kube.read(node)).toBeUndefined();
    expect(runs()).toBe(2);
    expect(api.seen.at(-1)?.headers.authorization).toBe('Bearer t2');
  });

  it('an exec plugin that gives a certificate', async () => {
    const status = { clientCertificateData: admin.certificatePem, clientKeyData: admin.key.reveal().toString() };
    write(dir, 'credential.json', JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));
    plugin('cat "$(dirname "$0")/credential.json"');
    await (await opened(exec)).kube().read(node);
    expect(api.seen[0]?.client).toBe('kubernetes-admin');
  });

  it.each([
    ['prints no JSON', 'echo the-secret-token', 'what it printed is not an ExecCredential'],
    ['prints other JSON', 'echo {}', 'what it printed is not an ExecCredential'],
    ['ends with an error', 'echo "login expired for Bearer the-secret-token" >&2; exit 1', 'login expired for [secret]'],
    ['ends without a word', 'exit 1', 'it ended with an error and without a word'],
  ])('an exec plugin that %s', async (_, body, cause) => {
    plugin(body);
    const failure = await failureOf((await opened(exec)).kube().read(node));
    expect(failure).toMatchObject({ code: 'kubeconfig-invalid', summary: 'The exec plugin of the kubeconfig gave no credential', cause });
  });

  it('an exec plugin that is not there', async () => {
    expect(await failureOf((await opened(exec)).kube().read(node))).toMatchObject({ code: 'kubeconfig-invalid', cause: 'ENOENT' });
  });

  it('an exec plugin that hangs', async () => {
    plugin('exec sleep 3');
    expect(await failureOf((await opened(exec)).kube().read(node, { deadlineMs: 100 }))).toMatchObject({ code: 'deadline-exceeded' });
  });
});
