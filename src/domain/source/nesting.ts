/** How deep a YAML text is nested: the library goes down with the nesting, and ends the process some thousand levels below. */

export const deepestNesting = 100;

/** Offset at which the text is nested deeper than that, by brackets or by marks of lists in one line; brackets in strings count too. undefined: nowhere. */
export function tooDeepAt(text: string): number | undefined {
  const marks = text.search(/(?:[-?][ \t]){100}/);
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') depth = Math.max(0, depth - 1);
    if (depth > deepestNesting) return i;
  }
  return marks < 0 ? undefined : marks;
}
