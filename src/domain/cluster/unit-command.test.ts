// The placeholders are systemd's.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of units, not of JavaScript
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flagDifferences, readEnvironmentFile, startedBy } from './unit-command.js';

const show = (argv: string): string => `{ path=/usr/bin/x ; argv[]=/usr/bin/x ${argv} ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }`;

describe('startedBy', () => {
  it.each<[string, string, string, string[]]>([
    ['flags as they are', '--a=b --c', '', ['--a=b', '--c']],
    ['a variable of its own in words', '--a $MORE', 'MORE="--b=1 --c=2"', ['--a', '--b=1', '--c=2']],
    ['a variable in braces as one', '--a=${HOST}:80', 'HOST=10.0.0.1', ['--a=10.0.0.1:80']],
    ['in braces also with blanks', '--a=${TEXT}', 'TEXT="b c"', ['--a=b c']],
    ['an unset one as nothing', '$NONE --a=${NONE}', '', ['--a=']],
    ['the last of two assignments', '$A', 'A=--x\nA=--y', ['--y']],
    ['quotes within a value', '$A', `A="--x='b c'"`, ['--x=b c']],
  ])('%s', (_what, argv, environmentFiles, args) => {
    expect(startedBy({ execStart: show(argv), environment: '', environmentFiles }).args).toEqual(args);
  });

  it('takes Environment= too, which a file overrides', () => {
    expect(startedBy({ execStart: show('$A $B'), environment: 'A=--from-unit "B=--b one"', environmentFiles: 'A=--from-file' }).args).toEqual(['--from-file', '--b', 'one']);
  });
});

describe('an environment file', () => {
  it.each<[string, Record<string, string>]>([
    ['# no\n; nor this\nA=1\n\n B = 2', { A: '1' }],
    ['A="b \\"c\\""', { A: 'b "c"' }],
    [`A='b "c" \\n'`, { A: 'b "c" \\n' }],
    ['A=b \\\n c\nD=e', { A: 'b  c', D: 'e' }],
    ['export A=b', { A: 'b' }],
    ['nothing at all', {}],
  ])('%j', (text, values) => {
    expect(readEnvironmentFile(text)).toEqual(values);
  });

  it('is read whatever is in it', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof readEnvironmentFile(text) === 'object'));
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (execStart, environment, environmentFiles) => Array.isArray(startedBy({ execStart, environment, environmentFiles }).args)),
    );
  });
});

describe('flagDifferences', () => {
  it.each<[string, string, Record<string, string>, Parameters<typeof flagDifferences>[2], string[]]>([
    ['none', 'kubelet', { a: 'b' }, { args: ['--a=b'], variables: {} }, []],
    ['another value', 'kubelet', { a: 'b' }, { args: ['--a=c'], variables: {} }, ['it runs with --a=b and would start with --a=c']],
    ['one more', 'kubelet', {}, { args: ['--a'], variables: {} }, ['it runs with no --a and would start with --a=true']],
    ['one less', 'kubelet', { a: 'b' }, { args: [], variables: {} }, ['it runs with --a=b and would start with no --a']],
    ["etcd's variables", 'etcd', { 'peer-cert-file': '/x' }, { args: [], variables: { ETCD_PEER_CERT_FILE: '/x' } }, []],
    ['a flag of etcd counts more than its variable', 'etcd', { name: 'a' }, { args: ['--name=a'], variables: { ETCD_NAME: 'b' } }, []],
    ['variables of others are no flags', 'kubelet', {}, { args: [], variables: { ETCD_NAME: 'b' } }, []],
  ])('%s', (_what, component, running, started, words) => {
    expect(flagDifferences(component, running, started)).toEqual(words);
  });
});
