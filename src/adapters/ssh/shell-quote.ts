/** Words for a POSIX shell: what is quoted arrives in argv as it was, whatever it holds. */

/** One word in single quotes, a quote inside as `'\''`. A NUL byte cannot be in any argument, so it is a defect of the caller. */
export function quote(word: string): string {
  if (word.includes('\0')) {
    throw new Error('a word of a shell command cannot hold a NUL byte');
  }
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Several words, each quoted, with spaces between them. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
