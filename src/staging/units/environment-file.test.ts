import { describe, expect, it } from 'vitest';
import { readEnvironmentFile } from './environment-file.js';

describe('readEnvironmentFile', () => {
  it.each([
    ['a plain value', 'A=b\n', { A: 'b' }],
    ['no newline at the end', 'A=b', { A: 'b' }],
    ['blanks around name and value', '  A = b c  \nB=d', { A: 'b c', B: 'd' }],
    ['an empty value', 'A=\nB=""\n', { A: '', B: '' }],
    ['comments, also indented', '# A=1\n  ; B=2\nC=3 # no comment here\n', { C: '3 # no comment here' }],
    ['flags in double quotes', 'ARGS="--a=1 --b=2"\n', { ARGS: '--a=1 --b=2' }],
    ['single quotes, in which all stays', `A='x "y" \\ $z'\n`, { A: 'x "y" \\ $z' }],
    ['escapes in double quotes', 'A="q\\"q b\\\\b \\$HOME \\n"\n', { A: 'q"q b\\b $HOME \\n' }],
    ['quotes side by side', `A="x "'y'\n`, { A: 'x y' }],
    ['blanks at the end of a quoted value', 'A="x  "  \n', { A: 'x  ' }],
    ['a quote inside of a value', 'A=it"s\n', { A: 'it"s' }],
    ['a line that goes on', 'A=one \\\ntwo\nB="three\\\nfour"\n', { A: 'one two', B: 'threefour' }],
    ['several lines in quotes', 'A="one\ntwo"\n', { A: 'one\ntwo' }],
    ['no expansion', `A=1\nB=$A \${A}\n`, { A: '1', B: `$A \${A}` }],
    ['the last one of a name', 'A=1\nA=2\n', { A: '2' }],
    ['what is no name', 'export A=1\n1B=2\nnothing\nC=3\n', { C: '3' }],
    ['values of etcd', 'ETCD_INITIAL_CLUSTER=a=https://10.0.0.1:2380,b=https://10.0.0.2:2380\n', { ETCD_INITIAL_CLUSTER: 'a=https://10.0.0.1:2380,b=https://10.0.0.2:2380' }],
  ])('%s', (_, text, expected) => {
    expect(readEnvironmentFile(text)).toEqual(expected);
  });
});
