import { expect, it } from 'vitest';
import { jsonErrorAt } from './json-error.js';

it.each<[text: string, at: number | undefined]>([
  ['{}', undefined],
  [' [1, -2.5e3, true, null, "a\\"b\\u00e9", {"a": []}] ', undefined],
  ['{"kind": Plan}', 9],
  ['{"a": 1 "b": 2}', 8],
  ['{"a": 1,}', 8],
  ['[1, 2]]', 6],
  ['{a: 1}', 1],
  ['', 0],
  ['{"a": "b', 8],
  ['{"a": [1, {"b"', 14],
  ['{"a": tr', 8],
  ['[1,', 3],
])('%j: %j', (text, at) => {
  expect(jsonErrorAt(text)).toBe(at);
  expect(isJson(text)).toBe(at === undefined);
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
