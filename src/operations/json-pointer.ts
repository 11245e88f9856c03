/** JSON pointers (RFC 6901) into API objects: read a value, and a copy with another value there. */

/** undefined if the path leads nowhere. */
export function readField(object: unknown, pointer: string): unknown {
  let at: unknown = object;
  for (const part of parts(pointer)) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string, unknown>)[part];
  }
  return at;
}

/** A deep copy along the path; the rest is shared. */
export function withField(object: unknown, pointer: string, value: unknown): unknown {
  return place(object, parts(pointer), value);
}

function place(at: unknown, path: readonly string[], value: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (Array.isArray(at)) return at.map((item, index) => (String(index) === first ? place(item, rest, value) : item));
  const map = (at ?? {}) as Record<string, unknown>;
  return { ...map, [first]: place(map[first], rest, value) };
}

function parts(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
