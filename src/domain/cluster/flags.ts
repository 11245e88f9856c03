/** Command-line flags of components, as lists of arguments. */

/** Flags without dashes. A flag without a value is "true"; one that is there several times has its values joined by commas, as string lists of Kubernetes are. */
export function parseFlags(args: readonly string[]): Record<string, string> {
  const flags: Record<string, string> = {};
  for (const i of args.keys()) {
    const flag = flagOf(args, i);
    if (flag === undefined) continue;
    const before = flags[flag.name];
    flags[flag.name] = before === undefined ? flag.value : `${before},${flag.value}`;
  }
  return flags;
}

export interface Flag {
  readonly name: string;
  readonly value: string;
  /** The value is the next argument. */
  readonly apart: boolean;
}

/** The flag at a place of the list, if there is one. */
export function flagOf(args: readonly string[], index: number): Flag | undefined {
  const match = /^--?([A-Za-z][A-Za-z0-9._-]*)(?:=(.*))?$/s.exec(args[index] ?? '');
  if (match?.[1] === undefined) return undefined;
  if (match[2] !== undefined) return { name: match[1], value: match[2], apart: false };
  const next = args[index + 1];
  return next === undefined || next.startsWith('-') ? { name: match[1], value: 'true', apart: false } : { name: match[1], value: next, apart: true };
}
