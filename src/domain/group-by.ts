/** Items under their keys, keys and items in the order in which they come. Pure. */

/** An item may stand under several keys, or under none. */
export function groupByEach<T>(items: readonly T[], keysOf: (item: T) => readonly string[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    for (const key of keysOf(item)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [item]);
      else group.push(item);
    }
  }
  return groups;
}

export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...groupByEach(items, (item) => [keyOf(item)]).values()];
}
