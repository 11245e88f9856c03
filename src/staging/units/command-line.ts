/** ExecStart= as systemd makes arguments of it (src/basic/extract-word.c, src/basic/env-util.c replace_env_argv). */

const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', s: ' ', '\\': '\\', '"': '"', "'": "'" };

/** Words at blanks, quotes and escapes taken off. A quote that is not closed holds the rest. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (character === '\\') {
      const next = text[++at] ?? '';
      const code = next === 'x' ? /^[0-9a-fA-F]{2}/.exec(text.slice(at + 1))?.[0] : undefined;
      if (code !== undefined) at += 2;
      word = (word ?? '') + (code === undefined ? (escapes[next] ?? `\\${next}`) : String.fromCharCode(Number.parseInt(code, 16)));
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/**
 * `$NAME` that is a word of its own becomes as many words as its value has, none if it is not set; `${NAME}` becomes part of the word it stands in;
 * `$NAME` within a word stays; `$$` is a dollar. The program itself is never replaced.
 */
export function expandWords(words: readonly string[], environment: Readonly<Record<string, string>>): string[] {
  return words.flatMap((word, index) => {
    if (index === 0) return [word];
    if (/^\$[^{$]/.test(word)) return splitWords(environment[word.slice(1)] ?? '');
    return [word.replaceAll(/\$\$|\$\{(\w+)\}/g, (found, name?: string) => (name === undefined ? (found === '$$' ? '$' : found) : (environment[name] ?? '')))];
  });
}

/** argv of a line of ExecStart=, the path of the program first. Empty for an empty line. `unit`: for %n and %N. */
export function argumentsOf(line: string, environment: Readonly<Record<string, string>>, about: { readonly unit: string; readonly host: string }): string[] {
  const [, prefixes = '', rest = ''] = /^\s*([-+!:]*)(.*)$/s.exec(line) ?? [];
  const specifiers: Readonly<Record<string, string>> = { '%': '%', n: about.unit, N: about.unit.replace(/\.\w+$/, ''), H: about.host };
  const words = splitWords(rest).map((word) => word.replaceAll(/%([%nNH])/g, (_, name: string) => specifiers[name] ?? ''));
  return prefixes.includes(':') ? words : expandWords(words, environment);
}
