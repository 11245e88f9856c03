import { createHmac, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, judgeKey, parseKnownHosts, typeOfKey } from './known-hosts.js';

const one = keyOf('ssh-ed25519', 1);
const two = keyOf('ssh-ed25519', 2);
const rsa = keyOf('ssh-rsa', 3);
const line = (hosts: string, key: Buffer, marker = ''): string => `${marker}${hosts} ${typeOfKey(key)} ${key.toString('base64')} a comment\n`;

describe('judgeKey', () => {
  it.each([
    ['a name', line('node1', one), 'node1', 22, 'known'],
    ['one of several names', line('other,node1,10.0.0.1', one), '10.0.0.1', 22, 'known'],
    ['case', line('Node1', one), 'nODE1', 22, 'known'],
    ['another port', line('[node1]:2222', one), 'node1', 2222, 'known'],
    ['a key without port, asked for on another port', line('node1', one), 'node1', 2222, 'known'],
    ['another key without port, asked for on another port', line('node1', two), 'node1', 2222, 'unknown'],
    ['a key with port, asked for on 22', line('[node1]:2222', one), 'node1', 22, 'unknown'],
    ['a wildcard', line('*.example.org', one), 'a.b.example.org', 22, 'known'],
    ['a question mark', line('node?', one), 'node1', 22, 'known'],
    ['a question mark for nothing', line('node1?', one), 'node1', 22, 'unknown'],
    ['a wildcard with port', line('[*.example.org]:2222', one), 'a.example.org', 2222, 'known'],
    ['negation', line('*.example.org,!bad.example.org', one), 'bad.example.org', 22, 'unknown'],
    ['negation before', line('!bad.example.org,*.example.org', one), 'bad.example.org', 22, 'unknown'],
    ['negation of another', line('*.example.org,!bad.example.org', one), 'good.example.org', 22, 'known'],
    ['a hashed name', line(hashed('node1'), one), 'node1', 22, 'known'],
    ['a hashed name with port', line(hashed('[node1]:2222'), one), 'node1', 2222, 'known'],
    ['another hashed name', line(hashed('node2'), one), 'node1', 22, 'unknown'],
    ['several keys', line('node1', two) + line('node1', rsa) + line('node1', one), 'node1', 22, 'known'],
    ['another key', line('node1', two), 'node1', 22, 'changed'],
    ['another type of key', line('node1', rsa), 'node1', 22, 'changed'],
    ['a revoked key', line('node1', one, '@revoked ') + line('node1', one), 'node1', 22, 'revoked'],
    ['a revoked key after the known one', line('node1', one) + line('*', one, '@revoked '), 'node1', 22, 'revoked'],
    ['another key revoked', line('node1', two, '@revoked ') + line('node1', one), 'node1', 22, 'known'],
    ['a certificate authority only', line('*', one, '@cert-authority '), 'node1', 22, 'unknown'],
    ['comments and empty lines', `# ${line('node1', one)}\n\n  \t\n`, 'node1', 22, 'unknown'],
    ['an indented line', `   ${line('node1', one)}`, 'node1', 22, 'known'],
    ['CRLF', line('node1', one).replace(' a comment\n', '\r\n'), 'node1', 22, 'known'],
    ['a key of another type than is said', `node1 ssh-rsa ${one.toString('base64')}\n`, 'node1', 22, 'unknown'],
    ['a marker that nobody knows', line('node1', one, '@trusted '), 'node1', 22, 'unknown'],
    ['nothing', '', 'node1', 22, 'unknown'],
  ])('%s', (_, text, host, port, expected) => {
    expect(judgeKey(parseKnownHosts(text, 'known_hosts'), host, port, one).is).toBe(expected);
  });

  it('names the line of what is known instead', () => {
    const known = parseKnownHosts(`# first\n\n${line('node1', two)}`, '/home/me/known_hosts');
    expect(judgeKey(known, 'node1', 22, one)).toMatchObject({ is: 'changed', instead: [{ file: '/home/me/known_hosts', line: 3, type: 'ssh-ed25519' }] });
  });

  it('names the certificate authority that it cannot use', () => {
    expect(judgeKey(parseKnownHosts(line('*', two, '@cert-authority '), 'f'), 'node1', 22, one)).toMatchObject({ is: 'unknown', onlyCa: { line: 1 } });
  });

  it('never accepts a key that is in no line, and never fails, whatever the file holds', () => {
    const piece = fc.constantFrom(
      'node1',
      '*',
      '!',
      ',',
      ' ',
      '\n',
      '|1|',
      '|',
      '@revoked ',
      '@cert-authority ',
      '[node1]:22',
      'ssh-ed25519',
      two.toString('base64'),
      'AAAA',
      '#',
      '\t',
      hashed('node1'),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }), fc.string(), fc.integer({ min: 1, max: 65535 }), (pieces, host, port) => {
        const known = parseKnownHosts(pieces.join(''), 'f');
        expect(['unknown', 'changed']).toContain(judgeKey(known, 'node1', 22, one).is);
        judgeKey(known, host, port, two);
      }),
      { numRuns: 1000 },
    );
  });

  it('finds a name again that was hashed, and no other', () => {
    fc.assert(
      fc.property(fc.domain(), fc.domain(), (name, other) => {
        const known = parseKnownHosts(line(hashed(name.toLowerCase()), one), 'f');
        expect(judgeKey(known, name, 22, one).is).toBe('known');
        expect(judgeKey(known, other, 22, one).is).toBe(other.toLowerCase() === name.toLowerCase() ? 'known' : 'unknown');
      }),
    );
  });

  it('is not slowed down by many wildcards', () => {
    const known = parseKnownHosts(line(`${'*a'.repeat(200)}b`, one), 'f');
    expect(judgeKey(known, 'a'.repeat(250), 22, one).is).toBe('unknown');
  });
});

describe('fingerprintOf', () => {
  it('has no padding', () => {
    expect(fingerprintOf(one)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });
});

function keyOf(type: string, fill: number): Buffer {
  const name = Buffer.alloc(4 + type.length);
  name.writeUInt32BE(type.length);
  name.write(type, 4);
  const body = Buffer.alloc(36, fill);
  body.writeUInt32BE(32);
  return Buffer.concat([name, body]);
}

function hashed(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}
