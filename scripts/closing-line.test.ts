import { expect, it } from 'vitest';
import { type CountedModule, closingLine, tally } from './closing-line.js';

function module(states: string[], ok = !states.includes('failed')): CountedModule {
  return { ok: () => ok, children: { allTests: () => states.map((state) => ({ result: () => ({ state }) })) } };
}

it.each([
  ['all pass', [module(['passed', 'passed'])], 0, '2 passed, 0 failed'],
  ['one fails, one is skipped', [module(['passed', 'failed']), module(['skipped'])], 0, '1 passed, 1 failed, 1 skipped'],
  ['a file does not load', [module([], false), module(['passed'])], 0, '1 passed, 1 failed'],
  ['a hook breaks after tests passed', [module(['passed'], false)], 0, '1 passed, 1 failed'],
  ['an error outside of all tests', [module(['passed'])], 1, '1 passed, 1 failed'],
  ['nothing ran', [], 0, '0 passed, 0 failed'],
])('%s', (_name, modules, unhandled, line) => {
  expect(closingLine(tally(modules, unhandled))).toBe(line);
});
