/** The real script on logs as API servers write them. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { fail } from '../../domain/errors.js';
import type { Shells } from '../../ports/node-shell.js';
import { auditScript } from './audit-script.js';
import { parseAudit, readAudit } from './read-audit.js';

const top = mkdtempSync(join(tmpdir(), 'audit-'));
afterAll(() => rmSync(top, { recursive: true }));
const print = 'ab'.repeat(32);
const event = (user: string, at: string, more: { agent?: string; credential?: string; ip?: string; uri?: string } = {}): string =>
  `${JSON.stringify({
    kind: 'Event',
    requestURI: more.uri ?? '/api',
    user: {
      username: user,
      groups: ['g'],
      ...(more.credential === '' ? {} : { extra: { 'authentication.kubernetes.io/credential-id': [more.credential ?? `X509SHA256=${print}`] } }),
    },
    sourceIPs: [more.ip ?? '192.0.2.7'],
    userAgent: more.agent ?? 'kubectl/v1.34.4',
    responseStatus: { code: 200 },
    stageTimestamp: at,
  })}\n`;
let logs = 0;
const logOf = (files: Readonly<Record<string, string | Buffer>>): string => {
  const folder = join(top, String(logs++));
  execFileSync('mkdir', [folder]);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return join(folder, 'audit.log');
};
const run = (path: string, bytes = 1 << 20, uses = 100) =>
  parseAudit('cp1', path, execFileSync('sh', ['-s'], { input: auditScript(path, { bytes, seconds: 30, uses }), encoding: 'utf8' }));
const t = (n: number): string => `2026-12-01T00:00:0${n}.5Z`;

describe('an audit log', () => {
  it('each user with its credential, agent and address, once, from first to last', () => {
    const path = logOf({
      'audit.log':
        event('alice', t(3)) + event('alice', t(1)) + event('alice', t(2), { ip: '192.0.2.8' }) + event('system:serviceaccount:a:b', t(2)) + event('system:anonymous', t(2)),
    });
    const { uses, unseen, namesCredentials } = run(path);
    expect({ unseen, namesCredentials }).toEqual({ unseen: [], namesCredentials: true });
    expect(uses.toSorted((a, b) => (a.address < b.address ? -1 : 1))).toEqual([
      { user: 'alice', fingerprint: print, userAgent: 'kubectl/v1.34.4', address: '192.0.2.7', firstMs: Date.parse(t(1)), lastMs: Date.parse(t(3)) },
      { user: 'alice', fingerprint: print, userAgent: 'kubectl/v1.34.4', address: '192.0.2.8', firstMs: Date.parse(t(2)), lastMs: Date.parse(t(2)) },
    ]);
  });

  it('of 1.30, which names tokens and no certificates, says of nobody which certificate it was', () => {
    const { uses, namesCredentials } = run(logOf({ 'audit.log': event('alice', t(1), { credential: '' }) + event('oidc:bob', t(2), { credential: 'JTI=04fcb88f' }) }));
    expect({ namesCredentials, prints: uses.map(({ fingerprint }) => fingerprint) }).toEqual({ namesCredentials: false, prints: ['', ''] });
  });

  it('rotated files too, also compressed, and no other file', () => {
    const path = logOf({
      'audit.log': event('a', t(1)),
      'audit-2026-11-30T00-00-00.000.log': event('b', t(1)),
      'audit-2026-11-29T00-00-00.000.log.gz': gzipSync(event('c', t(1))),
      'other.log': event('d', t(1)),
    });
    expect(
      run(path)
        .uses.map(({ user }) => user)
        .toSorted(),
    ).toEqual(['a', 'b', 'c']);
  });

  it('in a folder that is a link', () => {
    const path = logOf({ 'audit.log': event('a', t(1)), 'audit-2026-11-30T00-00-00.000.log': event('b', t(1)) });
    const link = join(top, 'link');
    symlinkSync(dirname(path), link);
    expect(run(join(link, 'audit.log')).uses).toHaveLength(2);
  });

  it('odd texts come back as they were, and cannot pass for another field', () => {
    const agent = 'x "user":{"username":"root" \t\\ | é';
    const { uses } = run(logOf({ 'audit.log': event('o"brien\\', t(1), { agent, uri: '/x?"user":{"username":"root"}' }) }));
    expect(uses.map(({ user, userAgent }) => [user, userAgent])).toEqual([['o"brien\\', agent]]);
  });

  it('what is cut off is said', () => {
    const many = Array.from({ length: 9 }, (_, i) => event(`u${i}`, t(1))).join('');
    expect(run(logOf({ 'audit.log': many }), 500).unseen).toMatchObject([{ why: expect.stringContaining('newest') }]);
    expect(run(logOf({ 'audit.log': many }), 1 << 20, 3).unseen).toMatchObject([{ why: expect.stringContaining('left out') }]);
    expect(run(join(top, 'none', 'audit.log')).unseen).toMatchObject([{ why: 'there is no such file' }]);
    expect(run(logOf({ 'audit.log': '' })).unseen).toMatchObject([{ why: expect.stringContaining('empty') }]);
  });

  it('an answer of any text is parsed or left', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseAudit('n', '/a', `use\t${text}\n${text}`).uses.every(({ firstMs }) => Number.isFinite(firstMs))).toBe(true);
      }),
    );
  });
});

it.each<[string, Record<string, string>, string]>([
  ['no log', {}, 'writes no audit log'],
  ['standard output', { 'audit-log-path': '-' }, 'standard output'],
  ['another format', { 'audit-log-path': '/a', 'audit-log-format': 'legacy' }, '"legacy"'],
])('%s is said', async (_, flags, why) => {
  const shells = { to: () => expect.fail('nothing is asked'), close: () => Promise.resolve() } as unknown as Shells;
  const { unseen } = await readAudit({ nodes: [{ name: 'cp1', components: [{ name: 'kube-apiserver', version: '', flags }] }], shells });
  expect(unseen).toEqual([{ place: 'kube-apiserver@cp1', why: expect.stringContaining(why) }]);
});

describe('a control plane that does not answer', () => {
  const flags = { 'audit-log-path': '/var/log/audit.log' };
  const nodes = ['cp1', 'cp2'].map((name) => ({ name, components: [{ name: 'kube-apiserver' as const, version: '', flags }] }));
  const shells = (code: 'ssh-unreachable' | 'deadline-exceeded' | 'interrupted') =>
    ({
      to: (name: string) => ({
        must: () =>
          name === 'cp1'
            ? Promise.resolve(`use\talice\tX509SHA256=${print}\tkubectl\t192.0.2.7\t${t(1)}\t${t(2)}\ndone\nend\n`)
            : Promise.resolve().then(() => fail(code, { target: name, summary: 'no', cause: 'timed out', nextAction: 'x' })),
      }),
    }) as unknown as Shells;

  it.each(['ssh-unreachable', 'deadline-exceeded'] as const)('%s is said, and the others are read', async (code) => {
    const { uses, unseen } = await readAudit({ nodes, shells: shells(code) });
    expect([uses.map(({ user }) => user), unseen]).toEqual([['alice'], [{ place: 'cp2:/var/log/audit.log', why: 'no: timed out' }]]);
  });

  it('who asked to stop is heard', () => expect(readAudit({ nodes, shells: shells('interrupted') })).rejects.toMatchObject({ code: 'interrupted' }));
});
