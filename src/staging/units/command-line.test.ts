import { describe, expect, it } from 'vitest';
import { argumentsOf } from './command-line.js';

const environment = { ARGS: '--a=1 --b=2', QUOTED: `--c="x y" '--d=1 2'`, ONE: 'one', EMPTY: '' };
const about = { unit: 'kubelet.service', host: 'master1' };

describe('argumentsOf', () => {
  it.each([
    ['words at blanks', '/bin/x  --a\t--b=c', ['/bin/x', '--a', '--b=c']],
    ['a variable that is a word: as many as its value has', '/bin/x $ARGS --z', ['/bin/x', '--a=1', '--b=2', '--z']],
    ['quotes in its value', '/bin/x $QUOTED', ['/bin/x', '--c=x y', '--d=1 2']],
    ['no word for one that is empty, or not set', '/bin/x $EMPTY $NONE --z', ['/bin/x', '--z']],
    ['braces: one word, with blanks', `/bin/x \${ARGS} --n=\${ONE}`, ['/bin/x', '--a=1 --b=2', '--n=one']],
    ['braces of what is not set: an empty word', `/bin/x \${NONE} --n=\${NONE}`, ['/bin/x', '', '--n=']],
    ['no braces within a word', '/bin/x --n=$ONE', ['/bin/x', '--n=$ONE']],
    ['two dollars', '/bin/x $$ONE --n=$$', ['/bin/x', '$ONE', '--n=$']],
    ['quotes', `/bin/x "a b" 'c d' --e="f g"`, ['/bin/x', 'a b', 'c d', '--e=f g']],
    ['empty quotes', `/bin/x "" ''`, ['/bin/x', '', '']],
    ['escapes', '/bin/x a\\sb \\x41 "\\""', ['/bin/x', 'a b', 'A', '"']],
    ['prefixes of the program', '-+/bin/x a', ['/bin/x', 'a']],
    ['no variables at all', `:/bin/x $ARGS \${ONE}`, ['/bin/x', '$ARGS', `\${ONE}`]],
    ['the program is no variable', '$ONE a', ['$ONE', 'a']],
    ['specifiers', '/bin/x %n %N %H 100%%', ['/bin/x', 'kubelet.service', 'kubelet', 'master1', '100%']],
    ['nothing', '', []],
  ])('%s', (_, line, expected) => {
    expect(argumentsOf(line, environment, about)).toEqual(expected);
  });
});
