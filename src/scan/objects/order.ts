/** Compares by a text, code unit by code unit: the same order in every locale. */
export function byText<T>(textOf: (one: T) => string): (a: T, b: T) => number {
  return (a, b) => {
    const [first, second] = [textOf(a), textOf(b)];
    return first < second ? -1 : first > second ? 1 : 0;
  };
}
