/** The real script, with an ss that prints what iproute2 6.1 has printed. */

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { fail } from '../../domain/errors.js';
import type { Shells } from '../../ports/node-shell.js';
import { connectionsScript } from './connections-script.js';
import { parseConnections, readConnections } from './read-connections.js';

const top = mkdtempSync(join(tmpdir(), 'connections-'));
afterAll(() => rmSync(top, { recursive: true }));

let folders = 0;
/** With a program for ss before the others; undefined: none at all. */
function run(ss: string | undefined, port = 6443, env: Record<string, string> = {}) {
  const bin = join(top, String(folders++));
  mkdirSync(bin);
  if (ss !== undefined) {
    writeFileSync(join(bin, 'ss'), `#!/bin/sh\n${ss}\n`);
    chmodSync(join(bin, 'ss'), 0o755);
  }
  const own = ss === undefined ? connectionsScript(port).replace('command -v ss', `command -v ${bin}/ss`) : connectionsScript(port);
  const output = execFileSync('sh', ['-s'], { input: own, encoding: 'utf8', env: { PATH: `${bin}:/usr/bin:/bin`, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  return parseConnections('cp1', port, output);
}
const prints = (...lines: string[]): string => `cat <<'END'\n${lines.join('\n')}\nEND`;

describe('connections', () => {
  it('are counted by address, whatever the family', () => {
    const { connections, unseen } = run(
      prints(
        '0      0      [::ffff:10.81.0.11]:6443    [::ffff:10.81.0.1]:40512 ',
        '0      36     [::ffff:10.81.0.11]:6443    [::ffff:10.81.0.1]:40513 ',
        '0      0               10.81.0.11:6443          192.0.2.7:51000 ',
        '0      0      [fd00::11]:6443             [fe80::1%eth0]:51000 ',
        '0      0      [::1]:6443                  [::1]:39888 ',
      ),
    );
    expect(unseen).toEqual([]);
    expect(connections.toSorted((a, b) => (a.address < b.address ? -1 : 1))).toEqual([
      { server: 'cp1', address: '10.81.0.1', count: 2 },
      { server: 'cp1', address: '192.0.2.7', count: 1 },
      { server: 'cp1', address: '::1', count: 1 },
      { server: 'cp1', address: 'fe80::1', count: 1 },
    ]);
  });

  it('are asked for at the port of the API server, established ones alone', () => {
    const { connections } = run('[ "$*" = "-tnH state established ( sport = :8443 )" ] && echo "0 0 10.0.0.1:8443 192.0.2.7:1"', 8443);
    expect(connections).toHaveLength(1);
  });

  it('from where rotate-ca comes is in the environment of a process above', () =>
    expect(run(prints('0 0 10.0.0.1:6443 192.0.2.7:1'), 6443, { SSH_CONNECTION: '192.0.2.9 50000 10.0.0.1 22' }).ownAddresses).toEqual(['192.0.2.9']));

  it.each<[string, string | undefined, string]>([
    ['there is none', undefined, 'no ss'],
    ['it does not know the options', 'echo "ss: invalid option" >&2; exit 255', 'ended with an error'],
    ['it sees nothing', 'true', 'network of its own'],
  ])('an ss that cannot be asked is said: %s', (_, ss, why) => {
    expect(run(ss)).toMatchObject({ connections: [], unseen: [{ place: 'connections to cp1:6443', why: expect.stringContaining(why) as string }] });
  });

  it('an answer that was cut off is said, and one of any text is parsed or left', () => {
    expect(parseConnections('cp1', 6443, 'peer\t1\t10.0.0.9\n').unseen).toMatchObject([{ why: expect.stringContaining('cut off') as string }]);
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseConnections('n', 1, `peer\t${text}\nfrom\t${text}\n${text}`).connections.every(({ count }) => count > 0)).toBe(true);
      }),
    );
  });
});

describe('control planes', () => {
  const nodes = [
    { name: 'cp1', components: [{ name: 'kube-apiserver' as const, version: '', flags: {} }] },
    { name: 'cp2', components: [{ name: 'kube-apiserver' as const, version: '', flags: { 'secure-port': '8443' } }] },
    { name: 'w1', components: [] },
  ];
  const shells = (code: 'ssh-unreachable' | 'interrupted') =>
    ({
      to: (name: string) => ({
        must: (script: string) =>
          name === 'cp1'
            ? Promise.resolve(script.includes(':6443') ? 'from\t192.0.2.9\npeer\t3\t192.0.2.7\ndone\n' : '')
            : Promise.resolve().then(() => fail(code, { target: name, summary: 'no', cause: 'timed out', nextAction: 'x' })),
      }),
    }) as unknown as Shells;

  it('that do not answer are said, and the others are read', async () => {
    expect(await readConnections({ nodes, shells: shells('ssh-unreachable') })).toEqual({
      connections: [{ server: 'cp1', address: '192.0.2.7', count: 3 }],
      ownAddresses: ['192.0.2.9'],
      unseen: [{ place: 'connections to cp2:8443', why: 'no: timed out' }],
    });
  });

  it('who asked to stop is heard', () => expect(readConnections({ nodes, shells: shells('interrupted') })).rejects.toMatchObject({ code: 'interrupted' }));
});
