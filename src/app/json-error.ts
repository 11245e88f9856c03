/** Where a text stops to be JSON: JSON.parse does not always say so. */

const blank = /[ \t\r\n]*/y;
const scalar = /"(?:[^"\\\r\n\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const key = /"(?:[^"\\\r\n\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"[ \t\r\n]*:/y;

/** Offset of the first character that cannot be there; the length of the text if it only lacks its end; undefined if it is JSON. */
export function jsonErrorAt(text: string): number | undefined {
  const open: ('}' | ']')[] = [];
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  for (let wants: 'value' | 'valueOrEnd' | 'keyOrEnd' | 'key' | 'next' = 'value'; ; ) {
    take(blank);
    const next = text[at];
    const isEnd = next !== undefined && next === open.at(-1);
    if (wants === 'next' && open.length === 0) return next === undefined ? undefined : at;
    if (isEnd && wants !== 'value' && wants !== 'key') {
      open.pop();
      at += 1;
      wants = 'next';
    } else if (wants === 'next') {
      if (next !== ',') return at;
      at += 1;
      wants = open.at(-1) === '}' ? 'key' : 'value';
    } else if (wants === 'key' || wants === 'keyOrEnd') {
      if (!take(key)) return unfinished(text, at);
      wants = 'value';
    } else if (next === '{' || next === '[') {
      open.push(next === '{' ? '}' : ']');
      at += 1;
      wants = next === '{' ? 'keyOrEnd' : 'valueOrEnd';
    } else if (take(scalar)) wants = 'next';
    else return unfinished(text, at);
  }
}

/** A text or word that runs to the end of the file has only lost its own. */
function unfinished(text: string, at: number): number {
  return /^(?:"(?:[^"\\]|\\.)*\\?|"(?:[^"\\]|\\.)*"\s*|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-|)$/.test(text.slice(at)) ? text.length : at;
}
