/** A file that EnvironmentFile= names, read as systemd reads it (src/basic/env-file.c parse_env_file_internal). */

type State = 'before key' | 'key' | 'before value' | 'value' | 'single' | 'double' | 'comment';

/** What a backslash takes its meaning from in double quotes; before anything else it stays. */
const escapable = '"\\`$';

/** The last one of a name counts. A name that is none is passed over. Nothing is put in for `$`: that is the shell's way, and not systemd's. */
export function readEnvironmentFile(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let state: State = 'before key';
  let key = '';
  let value = '';
  /** Length of the value without the blanks at its end, which do not belong to it unless they were quoted. */
  let solid = 0;

  function take(character: string, isBlankCut: boolean): void {
    value += character;
    if (!isBlankCut || !/\s/.test(character)) solid = value.length;
  }

  function finish(): void {
    const name = key.trim();
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) found[name] = value.slice(0, solid);
    [key, value, solid, state] = ['', '', 0, 'before key'];
  }

  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    const isEnd = character === '\n' || character === '\r';
    if (state === 'comment') {
      if (character === '\\') at += 1;
      else if (isEnd) state = 'before key';
    } else if (state === 'before key') {
      if (character === '#' || character === ';') state = 'comment';
      else if (!/\s/.test(character)) [key, state] = [character, 'key'];
    } else if (state === 'key') {
      if (isEnd) [key, state] = ['', 'before key'];
      else if (character === '=') state = 'before value';
      else key += character;
    } else if (state === 'single') {
      if (character === "'") state = 'before value';
      else take(character, false);
    } else if (state === 'double') {
      if (character === '"') state = 'before value';
      else if (character !== '\\') take(character, false);
      else {
        const next = text[++at] ?? '';
        if (next !== '\n') take(escapable.includes(next) ? next : `\\${next}`, false);
      }
    } else if (isEnd) {
      finish();
    } else if (character === '\\') {
      const next = text[++at] ?? '';
      if (next !== '\n') take(next, false);
      state = 'value';
    } else if (state === 'before value' && (character === "'" || character === '"')) {
      state = character === "'" ? 'single' : 'double';
    } else if (state === 'value' || !/\s/.test(character)) {
      state = 'value';
      take(character, true);
    }
  }
  if (state !== 'before key' && state !== 'key' && state !== 'comment') finish();
  return found;
}
