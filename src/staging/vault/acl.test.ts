import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { aclOf } from './acl.js';
import { Refusal } from './answer.js';
import { goDuration, goTime, secondsOf, shortDuration } from './go-format.js';
import { parsePolicy } from './policy-text.js';

describe('policies', () => {
  it('reads that of the lab', () => {
    const rules = parsePolicy(readFileSync('lab/vault/policy.hcl', 'utf8'));
    expect(rules.map(({ path }) => path)).toContain('pki-k8s/issuers/generate/root/exported');
    expect(rules.find(({ path }) => path === 'pki-k8s/issuer/*')?.capabilities).toEqual(['read', 'update', 'delete']);
  });

  it.each<[string, string, string]>([
    ['HCL with comments', '# path "no" {}\npath "a/*" { // x\n capabilities = ["read", /* y */ "list"] }', 'a/*: read, list'],
    ['braces and hashes in strings', 'path "a#{b}" { capabilities = ["deny"] }', 'a#{b}: deny'],
    ['the old word', 'path "a" { policy = "read" }', 'a: read, list'],
    ['blocks inside', 'path "a" { capabilities = ["update"]\n allowed_parameters = { "x" = ["}"] } }', 'a: update'],
    ['JSON', '{"path": {"/a": {"capabilities": ["sudo"]}}}', 'a: sudo'],
  ])('reads %s', (_name, text, rules) => {
    expect(parsePolicy(text).map(({ path, capabilities }) => `${path}: ${capabilities.join(', ')}`)).toEqual([rules]);
  });

  it.each(['path "x" { capabilities = ["fly"] }', 'path "x" {', 'paths', 'path "x/+*" { capabilities = ["read"] }', '{"path": 1'])('refuses %s', (text) => {
    expect(() => parsePolicy(text)).toThrow(Refusal);
  });
});

describe('what a policy grants', () => {
  const acl = aclOf(
    parsePolicy(`
      path "pki/*" { capabilities = ["read", "list"] }
      path "pki/issuer/*" { capabilities = ["update"] }
      path "pki/issuer/+/sign" { capabilities = ["create"] }
      path "pki/issuer/secret/*" { capabilities = ["deny"] }
      path "pki/roles" { capabilities = ["list"] }
      path "pki/roles" { capabilities = ["sudo"] }
      path "+/open" { capabilities = ["delete"] }
      path "auth/+/role/*" { capabilities = ["patch"] }`),
  );

  it.each<[string, string[]]>([
    ['pki/x', ['list', 'read']],
    ['pki/issuer/a', ['update']],
    ['pki/issuer/a/sign', ['create']],
    ['pki/issuer/a/sign/role', ['update']],
    ['pki/issuer/secret/sign', ['deny']],
    ['pki/roles', ['list', 'sudo']],
    ['pki/roles/', ['list', 'sudo']],
    ['pki/open', ['list', 'read']],
    ['kv/open', ['delete']],
    ['kv/open/x', ['deny']],
    ['auth/a/role/b/c', ['patch']],
    ['pki', ['deny']],
    ['nothing', ['deny']],
  ])('%s: %s', (path, capabilities) => {
    expect(acl.capabilities(path)).toEqual(capabilities);
  });

  it.each<[string, boolean]>([
    ['pki/', true],
    ['auth/approle/', true],
    ['kv/', true],
    ['sys/policies/acl/', false],
  ])('reaches %s: %s', (mount, reaches) => {
    expect(acl.reaches(mount)).toBe(reaches);
  });
});

describe('Go', () => {
  it.each<[number, string, string]>([
    [0, '0s', '0s'],
    [90, '1m30s', '1m30s'],
    [7_200, '2h0m0s', '2h'],
    [86_399, '23h59m59s', '23h59m59s'],
    [3_660, '1h1m0s', '1h1m'],
  ])('prints %d s', (seconds, long, short) => {
    expect([goDuration(seconds), shortDuration(seconds)]).toEqual([long, short]);
  });

  it.each<[unknown, number | string]>([
    ['87600h', 315_360_000],
    ['1m30s', 90],
    [' 30 ', 30],
    [7, 7],
    ['', 0],
    ['1.5h', 5_400],
    ['2d', 172_800],
    ['-5s', -5],
    ['1x', 'time: unknown unit "x" in duration "1x"'],
    ['1h2', 'time: missing unit in duration "1h2"'],
    ['xx', 'time: invalid duration "xx"'],
  ])('reads %s', (text, expected) => {
    const read = (): number => secondsOf(text);
    if (typeof expected === 'string') expect(read).toThrow(expected);
    else expect(read()).toBe(expected);
  });

  it('prints times without zeros at the end', () => {
    expect([goTime(Date.UTC(2030, 0, 1)), goTime(Date.UTC(2030, 0, 1) + 120), goTime(Date.UTC(2030, 0, 1) + 1, 5)]).toEqual([
      '2030-01-01T00:00:00Z',
      '2030-01-01T00:00:00.12Z',
      '2030-01-01T00:00:00.001000005Z',
    ]);
  });
});
